// A key and a certificate for the servers that parley is compared with.

/** A P-256 key and a certificate, as parley makes them. */
export function writeKeyPair(cert: string, key: string): void {
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const files = ["-keyout", key, "-out", cert, "-days", "1", "-subj", "/CN=bench"];
  const { exitCode, stderr } = Bun.spawnSync(["openssl", "req", "-x509", ...curve, ...files]);
  if (exitCode !== 0) throw new Error(`openssl could not make a key: ${stderr.toString()}`);
}
