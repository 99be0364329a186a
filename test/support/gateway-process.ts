// Starts a gateway process for an end-to-end test and tells it to break, stop or die.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FromGateway, ToGateway } from './gateway-child.ts'
import type { Break } from './worker-breaker.ts'

export interface GatewayProcess {
  /** Port of the first data listener. */
  readonly port: number
  readonly ports: readonly number[]
  /** Port of the health listener, 0 without one. */
  readonly healthPort: number
  /** Port of the admin listener, 0 without one. */
  readonly adminPort: number
  /** Everything it wrote to stderr so far. */
  log (): string
  readonly pid: number
  residentBytes (): number
  breakWorker (worker: number, how: Break): void
  /** Drains it; false where something had to be ended by force. */
  stop (): Promise<boolean>
  kill (signal?: NodeJS.Signals): Promise<void>
  readonly exited: Promise<number | null>
}

/** Generous: a start needs 3 s of CPU, and a test machine may have other things to do. */
const startTimeoutMs = 75_000

function firstMessage (child: ChildProcess, log: () => string): Promise<FromGateway> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`the gateway did not listen within ${startTimeoutMs} ms:\n${log()}`))
    }, startTimeoutMs)
    child.once('message', message => {
      clearTimeout(timer)
      resolve(message as FromGateway)
    })
    child.once('exit', exitCode => {
      clearTimeout(timer)
      reject(new Error(`the gateway ended with ${exitCode}:\n${log()}`))
    })
  })
}

/** Starts it from the text of a config. `folder` is its working folder, so relative paths land there. */
export async function startGatewayProcess (
  folder: string, config: string, env: Readonly<Record<string, string>> = {}
): Promise<GatewayProcess> {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'sluice.yaml')
  writeFileSync(path, config)
  const child = fork(new URL('./gateway-child.ts', import.meta.url), [path], {
    cwd: folder, env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'pipe', 'ipc'], execArgv: []
  })
  const lines: Buffer[] = []
  child.stderr?.on('data', (chunk: Buffer) => lines.push(chunk))
  const log = (): string => Buffer.concat(lines).toString()
  const exited = new Promise<number | null>(resolve => child.once('exit', exitCode => resolve(exitCode)))
  const first = await firstMessage(child, log)
  if (first.kind !== 'listening') throw new Error('the gateway stopped at its start')
  const portOf = (protocol: string): number => first.addresses.find(address => address.protocol === protocol)?.port ?? 0
  const data = first.addresses.filter(({ protocol }) => protocol !== 'health' && protocol !== 'admin')
  const say = (message: ToGateway): void => { child.send(message) }
  return {
    port: data[0]?.port ?? 0,
    ports: data.map(address => address.port),
    healthPort: portOf('health'),
    adminPort: portOf('admin'),
    log,
    pid: child.pid ?? 0,
    residentBytes () {
      const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))
      return Number(found?.[1] ?? 0) * 1024
    },
    breakWorker: (worker, how) => say({ kind: 'break', worker, how }),
    async stop () {
      const answer = new Promise<boolean>(resolve => {
        child.on('message', message => {
          const { kind, inTime } = message as { kind: string, inTime: boolean }
          if (kind === 'stopped') resolve(inTime)
        })
        child.once('exit', () => resolve(false))
      })
      say({ kind: 'stop' })
      const inTime = await answer
      await exited
      return inTime
    },
    async kill (signal = 'SIGKILL') {
      child.kill(signal)
      await exited
    },
    exited
  }
}
