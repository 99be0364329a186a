// A real MQTT broker for tests: mosquitto on a free port, with a folder for its sessions; stopped and started there.

import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { until } from './until.ts'

/** Debian has it where only root looks. */
const programs = ['mosquitto', '/usr/sbin/mosquitto']

function findProgram (): string | undefined {
  // Asked for help, it says so with another code than one that is not there.
  return programs.find(name => spawnSync(name, ['-h']).error === undefined)
}

/** As `skipWithoutRedis`, for tests that need mosquitto. */
export function skipWithoutMosquitto (): string | false {
  if (findProgram() !== undefined) return false
  const line = 'MQTT TESTS DID NOT RUN: mosquitto is not installed (Debian: apt-get install mosquitto)'
  if ((process.env.CI ?? '') !== '') throw new Error(line)
  process.stderr.write(`\n!!! ${line}\n`)
  return line
}

export interface MosquittoProcess {
  readonly port: number
  /** Of the process that runs now, or ran last. */
  readonly pid: number
  /** Everything it wrote so far. */
  log (): string
  /** Ends it in order: it writes its sessions and their messages to its folder. */
  stop (): Promise<void>
  /** On the same port and folder. */
  start (): Promise<void>
}

export interface MosquittoOptions {
  /** Lines of mosquitto.conf, beside those that every test needs: what stands last holds, and the listener is begun. */
  readonly lines?: readonly string[]
  /** True: it does not write down every packet, which costs more than to handle it. */
  readonly isQuiet?: boolean
}

export async function startMosquitto (folder: string, options: MosquittoOptions = {}): Promise<MosquittoProcess> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  await new Promise(resolve => { probe.close(resolve) })
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'mosquitto.conf')
  writeFileSync(path, [
    `listener ${port} 127.0.0.1`, 'allow_anonymous true', 'persistence true', `persistence_location ${folder}/`,
    // Without these it drops what a session has not had yet.
    'max_queued_messages 0', 'max_queued_bytes 0', ...(process.getuid?.() === 0 ? ['user root'] : []),
    'log_timestamp_format %H:%M:%S', ...options.lines ?? [], ''
  ].join('\n'))
  const lines: Buffer[] = []
  let child: ChildProcess | undefined

  async function start (): Promise<void> {
    child = spawn(findProgram() ?? '', ['-c', path, ...(options.isQuiet === true ? [] : ['-v'])], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => lines.push(chunk))
    const answers = (): Promise<boolean> => new Promise(resolve => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.once('error', () => { resolve(false) })
    })
    await until(answers, { timeoutMs: 30_000, what: () => `mosquitto on port ${port}` })
  }

  await start()
  return {
    port, start,
    get pid () { return child?.pid ?? 0 },
    log: () => Buffer.concat(lines).toString(),
    async stop () {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGTERM')
      await gone
    }
  }
}
