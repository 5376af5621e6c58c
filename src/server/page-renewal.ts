// Watches the operator's certificate, and has the page use a new one. By looking at the files now
// and then: links that are swapped, as containers do it, escape other ways of watching.

import type { Log } from "../log.ts";
import { tls as limits } from "../limits.ts";
import type { CertificateFiles } from "../tls/certificate-files.ts";

/** Until the returned function is called. `renew`: false if it has to be tried again. */
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
      log.warn("the page keeps its certificate", { reason: (error as Error).message });
    }
    if (!isPending || !renew()) return;
    isPending = false;
    log.info("the page has a new certificate");
  };
  const timer = setInterval(look, limits.certificateCheckMs);
  timer.unref();
  return () => clearInterval(timer);
}
