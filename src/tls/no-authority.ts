// The only certificate authority that clients name when they open TLS. None counts, since they
// check keys, and this one's is lost; but without one Bun reads those of the system, which takes
// 4 ms at the first connection.

export const noAuthority = `-----BEGIN CERTIFICATE-----
MIH9MIGwoAMCAQICAQEwBQYDK2VwMA8xDTALBgNVBAMMBG5vbmUwIBcNMjYxMTMw
MDkwMjAwWhgPMjEyNjExMDYwOTAyMDBaMA8xDTALBgNVBAMMBG5vbmUwKjAFBgMr
ZXADIQCxQF7fVk7KFyLH8hbK0eu+sGGDFPRsaHaxxvar68rXwaMvMC0wDAYDVR0T
AQH/BAIwADAdBgNVHQ4EFgQU4XmWtU7B6rOrY891xnuLYNL3NecwBQYDK2VwA0EA
3Hi9R1dq2kdLCkzaNs0ik27ZjQdRfjQgzKpcgYoopwzoBt5fjs2mk9zySx2jxhlD
wAJ2lfXmq8cpXVAE0Bo/CQ==
-----END CERTIFICATE-----
`;
