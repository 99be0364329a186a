// The built-in config of `sluice start --dev`: this machine only, everyone may send, any channel, kept in the journal.

/** YAML, so that it goes through the same checks as a file and can be shown. */
export function devConfig (port: number): string {
  return `# What sluice start --dev runs.
listeners:
  - { protocol: http, port: ${port} }
sink: journal
journal: { dir: ./data/journal }
routes:
  - name: any
    channel: "{channel*}"
    parameters: { channel: { pattern: "[a-zA-Z0-9._-]+" } }
    topic: "{channel}"            # orders/eu is kept as topic orders.eu
    topicsMax: 10000
`
}
