// Watches the operator's certificate and makes the page use a new one. Polls the files: containers
// replace symlinks, which other ways of watching miss.

import { errorMessage } from "../errors.ts";
import type { Log } from "../log.ts";
import { tls as limits } from "../limits.ts";
import type { CertificateFiles } from "../tls/certificate-files.ts";

/** Runs until the returned function is called. `renew`: returns false if it must be retried. */
export function watchCertificate(
  files: Pick<CertificateFiles, "refresh">,
  renew: () => boolean,
  log: Log,
): () => void {
  let isPending = false;
  const look = () => {
    try {
      if (files.refresh()) isPending = true;
    } catch (error) {
      log.warn("the page keeps its certificate", { reason: errorMessage(error) });
    }
    if (!isPending || !renew()) return;
    isPending = false;
    log.info("the page has a new certificate");
  };
  const timer = setInterval(look, limits.certificateCheckMs);
  timer.unref();
  return () => clearInterval(timer);
}
