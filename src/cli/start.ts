// sluice start: runs the gateway until a signal ends it. The first SIGTERM or SIGINT drains, the second ends at once.

import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import type { Gateway } from '../gateway.ts'
import { renderBanner } from './banner.ts'
import { loadText, openConfig } from './config-file.ts'
import type { Opened } from './config-file.ts'
import { devConfig } from './dev-config.ts'
import { exitCodes } from './exit-codes.ts'
import { commandLine, programVersion } from './program.ts'
import type { Cli } from './verb.ts'

interface StartOptions { readonly config?: string, readonly dev?: true, readonly port?: number }

const devPort = 8080
const signals = ['SIGTERM', 'SIGINT'] as const
/** What a shell reports of a process that a signal ended. */
const signalCodes = { SIGTERM: 143, SIGINT: 130 } as const

export function addStart (program: Command, cli: Cli): void {
  program.command('start')
    .description('run the gateway; SIGTERM or Ctrl-C drains it, a second one ends it at once')
    .option('-c, --config <file>', 'the config (default: sluice.yaml in this folder)')
    .option('--dev', 'no config: this machine only, everyone may send, events go to ./data/journal')
    .option('--port <port>', `the port with --dev (default: ${devPort})`, portOf)
    .addHelpText('after', '\nExample:\n  sluice start -c sluice.yaml\n  sluice start --dev --port 8081')
    .action((options: StartOptions) => start(options, cli))
}

function portOf (text: string): number {
  const port = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}

async function start (options: StartOptions, cli: Cli): Promise<void> {
  const { terminal } = cli
  const usage = usageMistake(options)
  if (usage !== undefined) {
    terminal.tell(usage)
    cli.exitCode = exitCodes.usage.code
    return
  }
  const opened: Opened = options.dev === true
    ? await loadText(devConfig(options.port ?? devPort), 'the built-in config', {})
    : await openConfig(options.config, terminal.env)
  if ('exitCode' in opened) {
    terminal.tell(opened.text)
    cli.exitCode = opened.exitCode
    return
  }
  const ended = watchSignals(cli)
  try {
    const { startGateway } = await import('../gateway.ts')
    const gateway = await startGateway({ ...opened.origin, version: programVersion() })
    ended.serve(gateway)
    const { listening } = gateway
    const { config: configPath } = options
    await terminal.print(renderBanner({ origin: opened.origin, configPath, listening, color: terminal.color }))
  } catch (error) {
    ended.forget()
    terminal.tell(failureText(error, options))
    cli.exitCode = isSystemError(error) ? exitCodes.io.code : exitCodes.failure.code
    return
  }
  cli.exitCode = await ended.exitCode
}

function usageMistake (options: StartOptions): string | undefined {
  if (options.dev === true && options.config !== undefined) return '--dev has a config of its own: leave out -c, or --dev'
  if (options.dev !== true && options.port !== undefined) return '--port goes with --dev; a config names its ports itself'
  return undefined
}

interface Ended {
  readonly exitCode: Promise<number>
  /** From now on the first signal drains this gateway. */
  serve (gateway: Gateway): void
  forget (): void
}

/** Signals count from before the start, so that an early one is not lost. */
function watchSignals ({ terminal }: Cli): Ended {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  let gateway: Gateway | undefined
  let signalled = false
  const drain = (): void => {
    gateway?.stop().then((inTime) => {
      if (!inTime) terminal.tell('not everything in flight was answered in time; those events are unknown to their senders')
      resolve(inTime ? exitCodes.ok.code : exitCodes.failure.code)
    }, reject)
  }
  const onSignal = (signal: typeof signals[number]): void => {
    if (signalled || gateway === undefined) process.exit(signalCodes[signal])
    signalled = true
    terminal.tell(`${signal}: draining, a second signal ends it at once`)
    drain()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    exitCode: promise,
    serve: (started) => { gateway = started },
    forget: () => { for (const signal of signals) process.off(signal, onSignal) }
  }
}

function isSystemError (error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error.name === 'JournalError' || ('code' in error && String(error.code).startsWith('quota-file-'))
}

/** What went wrong and what to do; faults of the program itself keep their stack. */
function failureText (error: unknown, { dev, port = devPort }: StartOptions): string {
  if (!(error instanceof Error)) return `the gateway did not start: ${String(error)}`
  const hint = 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined
  const code = 'code' in error ? error.code : undefined
  if (dev === true && code === 'EADDRINUSE') {
    const free = port === devPort ? devPort + 1 : devPort
    return `port ${port} is taken by another program\nchoose another one: ${commandLine(`start --dev --port ${free}`)}`
  }
  if (hint === undefined && code === undefined) return `the gateway did not start: ${error.stack ?? error.message}`
  return `the gateway did not start: ${error.message}${hint === undefined ? '' : `\n${hint}`}`
}
