// sluice tail: shows the events of a journal or a Kafka topic, the last few first, then those that come.

import { existsSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { textAt } from '../config/lookup.ts'
import { defaultConfigPath, openConfig, reasonOf } from './config-file.ts'
import { exitCodes } from './exit-codes.ts'
import { eventAsJson, renderEvent } from './tail-event.ts'
import type { TailEvent, TailPlan } from './tail-event.ts'
import { tailJournal } from './tail-journal.ts'
import type { Cli } from './verb.ts'

interface TailOptions {
  readonly config?: string
  readonly journal?: string
  readonly topic?: string
  readonly count: number
  readonly fromBeginning?: true
  readonly follow: boolean
  readonly json?: true
}

const journalDir = './data/journal'

export function addTail (program: Command, cli: Cli): void {
  program.command('tail')
    .description('show events of the journal, or of a Kafka topic, and wait for more')
    .option('-c, --config <file>', `the config that says where events are (default: ${defaultConfigPath}, else ${journalDir})`)
    .option('--journal <dir>', 'the folder of a journal')
    .option('--topic <name>', 'this topic only; Kafka needs it')
    .option('-n, --count <number>', 'how many events that are there already to show', countOf, 10)
    .option('--from-beginning', 'show all that are there')
    .option('--no-follow', 'end instead of waiting for more')
    .option('--json', 'print each event as one line of JSON')
    .addHelpText('after', '\nExample:\n  sluice tail --from-beginning --no-follow\n  sluice tail -c sluice.yaml --topic orders -n 3')
    .action((options: TailOptions) => tail(options, cli))
}

function countOf (text: string): number {
  const count = Number(text)
  if (!/^[0-9]{1,7}$/.test(text)) throw new InvalidArgumentError('A count is a whole number below 10 million.')
  return count
}

async function tail (options: TailOptions, cli: Cli): Promise<void> {
  const { terminal } = cli
  const stopped = new AbortController()
  const stop = (): void => { stopped.abort() }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  const plan: TailPlan = {
    countMax: options.fromBeginning === true ? Infinity : options.count, follow: options.follow, topic: options.topic,
    signal: stopped.signal, warn: (text) => terminal.tell(text)
  }
  try {
    const source = await sourceOf(options, plan, cli)
    if (source === undefined) return
    for await (const event of source) {
      if (terminal.closed) break
      const shown = options.json === true ? JSON.stringify(eventAsJson(event)) : renderEvent(event, terminal.color)
      await terminal.print(shown)
    }
  } catch (error) {
    const hint = error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? `\n${error.hint}` : ''
    terminal.tell(`cannot go on: ${error instanceof Error ? error.message : reasonOf(error)}${hint}`)
    cli.exitCode = exitCodes.io.code
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

/** Undefined after telling why there is nothing to read from. */
async function sourceOf (
  options: TailOptions, plan: TailPlan, cli: Cli
): Promise<AsyncIterable<TailEvent> | undefined> {
  const { terminal } = cli
  if (options.journal !== undefined) return tailJournal(options.journal, plan)
  if (options.config === undefined && !existsSync(defaultConfigPath)) return tailJournal(journalDir, plan)
  const opened = await openConfig(options.config, terminal.env)
  if ('exitCode' in opened) {
    terminal.tell(opened.text)
    cli.exitCode = opened.exitCode
    return undefined
  }
  const { document } = opened.origin
  if (textAt(document, 'sink') === 'journal') return tailJournal(textAt(document, 'journal', 'dir') ?? journalDir, plan)
  const { settingsOf } = await import('../settings.ts')
  const { kafka, limits } = settingsOf(opened.origin)
  if (options.topic !== undefined && kafka !== undefined) {
    const { tailKafka } = await import('./tail-kafka.ts')
    return tailKafka({ ...plan, topic: options.topic, kafka, requestTimeoutMs: limits.requestTimeoutMs })
  }
  terminal.tell('events of this config go to Kafka: say which topic with --topic NAME')
  cli.exitCode = exitCodes.usage.code
  return undefined
}
