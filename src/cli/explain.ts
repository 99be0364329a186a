// sluice explain: shows what the gateway makes of a sample event: route, policies, record and answer, on every door.

import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { principalOf } from '../contract/principal.ts'
import type { Principal } from '../contract/envelope.ts'
import type { Question } from '../explain.ts'
import type { Settings } from '../settings.ts'
import { openConfig, reasonOf } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { plainOf, renderExplanation } from './explanation.ts'
import { programVersion } from './program.ts'
import type { Cli } from './verb.ts'

interface ExplainOptions {
  readonly config?: string
  readonly header: readonly (readonly [string, string])[]
  readonly as?: string
  readonly address?: string
  readonly partitions?: number
  readonly json?: true
}

/** A sample is one event, not a load. */
const sampleBytesMax = 16 * 1_048_576

export function addExplain (program: Command, cli: Cli): void {
  program.command('explain')
    .description('show what the gateway would make of an event, without sending it anywhere')
    .argument('<channel>', 'the channel, e.g. orders/eu')
    .argument('[file]', 'a file with the data of the event; left out, it is read from stdin')
    .option('-c, --config <file>', 'the config (default: sluice.yaml in this folder)')
    .option('-H, --header <header>', 'what travels beside the data, as `name: value`; may be repeated', takeHeader, [])
    .option('--as <principal>', 'take the sender for this principal, in place of asking what it shows')
    .option('--address <ip>', 'the address of the sender', '127.0.0.1')
    .option('--partitions <count>', 'how many partitions the topic has, to tell which one the key goes to', takeCount)
    .option('--json', 'print what each door makes of it as one line of JSON')
    .addHelpText('after', `
Example:
  sluice explain orders/eu order.json -c sluice.yaml --as factory-7`)
    .action((channel: string, file: string | undefined, options: ExplainOptions) =>
      run({ channel, file, options, cli }))
}

function takeHeader (text: string, before: readonly (readonly [string, string])[]): (readonly [string, string])[] {
  const colon = text.indexOf(':')
  if (colon < 1) throw new InvalidArgumentError('A header is written as `name: value`.')
  return [...before, [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()]]
}

function takeCount (text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000) throw new InvalidArgumentError('A count is 1 or more.')
  return count
}

interface Asked {
  readonly channel: string
  readonly file: string | undefined
  readonly options: ExplainOptions
  readonly cli: Cli
}

async function run ({ channel, file, options, cli }: Asked): Promise<void> {
  const { terminal } = cli
  const opened = await openConfig(options.config, terminal.env)
  if ('exitCode' in opened) {
    cli.exitCode = opened.exitCode
    return terminal.tell(opened.text)
  }
  const { settingsOf } = await import('../settings.ts')
  const settings = settingsOf(opened.origin)
  const principal = principalNamed(options.as, settings)
  if (typeof principal === 'string') {
    cli.exitCode = exitCodes.usage.code
    return terminal.tell(principal)
  }
  let data: Buffer
  try {
    data = file === undefined ? await readInput(terminal.stdin) : readFileSync(file)
  } catch (error) {
    cli.exitCode = exitCodes.io.code
    return terminal.tell(`cannot read the data of the event: ${reasonOf(error)}`)
  }
  if (data.length > sampleBytesMax) {
    cli.exitCode = exitCodes.usage.code
    return terminal.tell(`the sample has ${data.length} bytes; give one of at most ${sampleBytesMax}`)
  }
  const question: Question = {
    channel, principal, address: options.address, partitionCount: options.partitions,
    data: data.length === 0 ? null : data, attributes: withType(options.header, data)
  }
  const { explainOffline } = await import('../explain.ts')
  const explanations = await explainOffline(settings, question, { version: programVersion() })
  for (const one of explanations) {
    await terminal.print(options.json === true ? JSON.stringify(plainOf(one)) : renderExplanation(one, settings))
  }
  if (explanations.some(one => one.refusal !== undefined)) cli.exitCode = exitCodes.failure.code
}

function principalNamed (name: string | undefined, settings: Settings): Principal | undefined | string {
  if (name === undefined) return undefined
  const entry = settings.principals.find(one => one.name === name)
  if (entry !== undefined) return principalOf(entry)
  const known = settings.principals.map(one => one.name).join(', ')
  return `no principal of the config is named ${name}` + (known === '' ? '' : `; there are ${known}`)
}

async function readInput (stdin: Cli['terminal']['stdin']): Promise<Buffer> {
  return stdin.isTTY === true ? Buffer.alloc(0) : await buffer(stdin)
}

/** What people pipe in is JSON mostly, and says so where they do not say otherwise. */
function withType (headers: ExplainOptions['header'], data: Buffer): Question['attributes'] {
  if (data.length === 0 || headers.some(([name]) => name === 'content-type')) return headers
  try {
    JSON.parse(data.toString())
    return [...headers, ['content-type', 'application/json']]
  } catch {
    return headers
  }
}
