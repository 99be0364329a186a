// sluice explain: shows what the gateway makes of a sample event: route, policies, record and answer, on every door.

import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { listAt } from '../config/lookup.ts'
import type { Explanation, Question } from '../explain.ts'
import { askAdmin, withAdminOptions } from './admin-call.ts'
import type { AdminOptions } from './admin-call.ts'
import { openConfig, reasonOf } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { renderExplanation } from './explanation.ts'
import { programVersion } from './program.ts'
import type { Cli } from './verb.ts'

interface ExplainOptions extends AdminOptions {
  readonly header: readonly (readonly [string, string])[]
  readonly as?: string
  readonly address: string
  readonly partitions?: number
  readonly live?: true
}

/** A sample is one event, not a load; the admin listener takes about this much. */
const sampleBytesMax = 768 * 1_024

export function addExplain (program: Command, cli: Cli): void {
  withAdminOptions(program.command('explain'))
    .description('show what the gateway would make of an event, without sending it anywhere')
    .argument('<channel>', 'the channel, e.g. orders/eu')
    .argument('[file]', 'a file with the data of the event; left out, it is read from stdin')
    .option('-H, --header <header>', 'what travels beside the data, as `name: value`; may be repeated', takeHeader, [])
    .option('--as <principal>', 'take the sender for this principal, in place of asking what it shows')
    .option('--address <ip>', 'the address of the sender', '127.0.0.1')
    .option('--partitions <count>', 'how many partitions the topic has, to tell which one the key goes to', takeCount)
    .option('--live', 'ask the running gateway, with its limits as they are now; the event counts against them')
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

async function run (asked: Asked): Promise<void> {
  const { channel, file, options, cli } = asked
  const { terminal } = cli
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
    channel, as: options.as, address: options.address, partitionCount: options.partitions,
    data: data.length === 0 ? null : data, headers: withType(options.header, data)
  }
  const explanations = await ask(question, asked)
  if (explanations === undefined) return
  for (const one of explanations) {
    await terminal.print(options.json === true ? JSON.stringify(one) : renderExplanation(one))
  }
  if (explanations.some(one => one.refusal !== undefined)) cli.exitCode = exitCodes.failure.code
}

/** By a running gateway or by the config alone. Undefined: why not has been told. */
async function ask (question: Question, { options, cli }: Asked): Promise<readonly Explanation[] | undefined> {
  if (options.live === true) {
    const { data, headers, ...others } = question
    const body = {
      ...others, headers: headers.map(([name, value]) => ({ name, value })),
      dataBase64: data === null ? undefined : Buffer.from(data).toString('base64')
    }
    const answer = await askAdmin({ method: 'POST', path: '/v1/explain', body }, options, cli)
    return answer === undefined ? undefined : listAt(answer, 'explanations') as Explanation[]
  }
  const opened = await openConfig(options.config, cli.terminal.env)
  if ('exitCode' in opened) {
    cli.exitCode = opened.exitCode
    cli.terminal.tell(opened.text)
    return undefined
  }
  const { settingsOf } = await import('../settings.ts')
  const { explainOffline } = await import('../explain.ts')
  const explained = await explainOffline(settingsOf(opened.origin), question, { version: programVersion() })
  if (typeof explained !== 'string') return explained
  cli.exitCode = exitCodes.usage.code
  cli.terminal.tell(explained)
  return undefined
}

async function readInput (stdin: Cli['terminal']['stdin']): Promise<Buffer> {
  return stdin.isTTY === true ? Buffer.alloc(0) : await buffer(stdin)
}

/** What people pipe in is JSON mostly, and says so where they do not say otherwise. */
function withType (headers: ExplainOptions['header'], data: Buffer): Question['headers'] {
  if (data.length === 0 || headers.some(([name]) => name === 'content-type')) return headers
  try {
    JSON.parse(data.toString())
    return [...headers, ['content-type', 'application/json']]
  } catch {
    return headers
  }
}
