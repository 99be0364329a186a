// A real Redis (or Valkey) for tests: started on a free port without any file, frozen, killed, and started again there.

import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { until } from './until.ts'

const programs = ['redis-server', 'valkey-server']

function findProgram (): string | undefined {
  return programs.find(name => spawnSync(name, ['--version']).status === 0)
}

/**
 * For the `skip` option of a test that needs Redis: false when there is one, else the reason, said loudly on stderr.
 * Throws where `CI` is set.
 */
export function skipWithoutRedis (): string | false {
  if (findProgram() !== undefined) return false
  const line = `REDIS TESTS DID NOT RUN: none of ${programs.join(', ')} is installed (Debian: apt-get install redis-server)`
  if ((process.env.CI ?? '') !== '') throw new Error(line)
  process.stderr.write(`\n!!! ${line}\n`)
  return line
}

export interface RedisProcess {
  readonly url: string
  /** Sends one command as people type it, and resolves with the beginning of the answer. */
  say (command: string): Promise<string>
  freeze (): void
  thaw (): void
  /** Like a crash: what it held is gone. */
  kill (): Promise<void>
  /** On the same port, empty. */
  start (): Promise<void>
}

async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => { server.close(resolve) })
  return port
}

export async function startRedis (): Promise<RedisProcess> {
  const port = await freePort()
  let child: ChildProcess | undefined

  const say = (command: string): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => { socket.write(`${command}\r\n`) })
    socket.once('data', data => {
      socket.destroy()
      resolve(String(data))
    })
    socket.once('error', reject)
  })

  async function start (): Promise<void> {
    child = spawn(findProgram() ?? '', [
      '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--logfile', ''
    ], { stdio: 'ignore' })
    const answers = (): Promise<boolean> => say('PING').then(answer => answer.startsWith('+PONG'), () => false)
    await until(answers, { timeoutMs: 30_000, what: () => `a Redis on port ${port}` })
  }

  await start()
  return {
    url: `redis://127.0.0.1:${port}`, say, start,
    freeze () { child?.kill('SIGSTOP') },
    thaw () { child?.kill('SIGCONT') },
    async kill () {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
  }
}
