// sluice key new: makes an API key and prints what goes into the config in its place.

import type { Command } from 'commander'
import { makeApiKey } from './api-key.ts'
import type { Cli } from './verb.ts'

export function addKey (program: Command, cli: Cli): void {
  const key = program.command('key').description('make API keys').helpCommand(false)
  key.command('new')
    .description('print a new API key and its hash; the key is shown this once and kept nowhere')
    .option('--json', 'print {"key","hash"} as one JSON object')
    .addHelpText('after', '\nExample:\n  sluice key new')
    .action((options: { json?: true }) => newKey(options, cli))
}

async function newKey (options: { json?: true }, { terminal }: Cli): Promise<void> {
  const { key, hash } = makeApiKey()
  if (options.json === true) {
    await terminal.print(JSON.stringify({ key, hash }))
    return
  }
  await terminal.print(`key   ${key}\nhash  ${hash}`)
  terminal.tell([
    '', 'Give the key to whoever sends. Put the hash into the config:', '  principals:', '    - name: NAME',
    `      credentials: [ { apiKey: "${hash}" } ]`,
    'or, for whoever may use the admin listener:', `  admin: { tokens: [ "${hash}" ] }`
  ].join('\n'))
}
