// TLS 1.3 and nothing older, on both sides.

/** SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1 and SSL_OP_NO_TLSv1_2 of <openssl/ssl.h>. */
export const onlyTls13 = 0x04000000 | 0x10000000 | 0x08000000;
