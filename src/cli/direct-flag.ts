// `--no-direct`: whether files may be sent directly from machine to machine.

export const directFlag = {
  type: "boolean",
  default: true,
  description: "Send files from machine to machine where there is a way",
  negativeDescription:
    "Send files through the server alone, so that others don't learn your address",
} as const;
