// sluice key: makes API keys and hashes passwords, and prints what goes into the config in their place.

import type { Command } from 'commander'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { makeApiKey } from './api-key.ts'
import { exitCodes } from './exit-codes.ts'
import type { Cli } from './verb.ts'

export function addKey (program: Command, cli: Cli): void {
  const key = program.command('key').description('make API keys, hash passwords').helpCommand(false)
  key.command('new')
    .description('print a new API key and its hash; the key is shown this once and kept nowhere')
    .option('--json', 'print {"key","hash"} as one JSON object')
    .addHelpText('after', '\nExample:\n  sluice key new')
    .action((options: { json?: true }) => newKey(options, cli))
  key.command('password')
    .description('print the hash of a password, which is read from standard input: one line, in UTF-8')
    .addHelpText('after', '\nExample:\n  sluice key password < password.txt')
    .action(() => hashPassword(cli))
}

const passwordBytesMax = 1_024

async function hashPassword (cli: Cli): Promise<void> {
  const { terminal } = cli
  if (terminal.stdin.isTTY === true) terminal.tell('Type the password and press Enter; it can be seen while you type.')
  const password = await firstLine(terminal.stdin)
  if (password === undefined) {
    terminal.tell(`sluice key password: expected one line of 1 to ${passwordBytesMax} bytes of UTF-8 without control characters`)
    cli.exitCode = exitCodes.usage.code
    return
  }
  const hash = await makeHash(password)
  await terminal.print(hash)
  terminal.tell([
    '', 'Put the hash into the config:', '  principals:', '    - name: NAME',
    `      credentials: [ { basic: { username: NAME, passwordHash: "${hash}" } } ]`
  ].join('\n'))
}

/** Undefined where it is no password that a peer could send. */
async function firstLine (source: Cli['terminal']['stdin']): Promise<string | undefined> {
  let bytes = Buffer.alloc(0)
  for await (const part of source) {
    bytes = Buffer.concat([bytes, part as Buffer])
    if (bytes.includes(0x0a) || bytes.length > passwordBytesMax + 2) break
  }
  const [text = ''] = bytes.toString('utf8').split(/\r?\n/, 1)
  const sound = text !== '' && Buffer.byteLength(text) <= passwordBytesMax && !/[\u0000-\u001f\u007f\ufffd]/.test(text)
  return sound ? text : undefined
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
