// Bun's own HTTP/3, as a peer of the benchmark: `serve ADDRESS PORT FOLDER WORK` and `fetch ADDRESS
// PORT FILE OUT`.

import { join } from "node:path";

const [mode, address = "", port = "", third = "", fourth = ""] = process.argv.slice(2);

if (mode === "serve") {
  const [key, cert] = [join(fourth, "key.pem"), join(fourth, "cert.pem")];
  const made = Bun.spawnSync([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=bench",
    "-addext",
    `subjectAltName=IP:${address}`,
    "-keyout",
    key,
    "-out",
    cert,
  ]);
  if (!made.success) throw new Error(made.stderr.toString());
  Bun.serve({
    hostname: address,
    port: Number(port),
    http3: true,
    tls: { key: Bun.file(key), cert: Bun.file(cert) },
    fetch: (request) => new Response(Bun.file(join(third, new URL(request.url).pathname))),
  });
  process.stdout.write("ready\n");
} else {
  const response = await fetch(`https://${address}:${port}/${third}`, {
    protocol: "http3",
    tls: { rejectUnauthorized: false },
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  await Bun.write(fourth, response);
  process.exit(0);
}
