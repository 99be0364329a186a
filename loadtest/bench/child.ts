// Child processes of a bench, on a chosen core, that answer by messages and never outlive it.

import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** True where programs can be given a core each. */
export function canPin (): boolean {
  if (process.platform !== 'linux' || availableParallelism() < 2) return false
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** Gives this process, and all it starts from now on, one core. */
export function pinSelf (core: number): void {
  execFileSync('taskset', ['-a', '-p', '-c', String(core), String(process.pid)], { stdio: 'ignore' })
}

export interface ChildOptions {
  readonly file: URL
  readonly args?: readonly string[]
  /** Undefined: wherever the system puts it. */
  readonly core: number | undefined
}

/** Starts a Node program with a channel for messages. Its words go to stderr. */
export function startChild ({ file, args = [], core }: ChildOptions): ChildProcess {
  const program = [process.execPath, '--disable-warning=TimeoutNegativeWarning', file.pathname, ...args]
  // taskset becomes the program: the process id stays.
  const [command = '', ...rest] = core === undefined ? program : ['taskset', '-c', String(core), ...program]
  return spawn(command, rest, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** The next message of the child. Rejects where it ends first, or takes longer. */
export function messageOf<Message> (child: ChildProcess, timeoutMs: number): Promise<Message> {
  return new Promise((resolve, reject) => {
    const end = (done: () => void): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onExit)
      done()
    }
    const onMessage = (message: unknown): void => end(() => resolve(message as Message))
    const onExit = (code: number | null): void => end(() => reject(new Error(`${child.spawnfile} ended with ${code}`)))
    const timer = setTimeout(() => end(() => reject(new Error(`no message within ${timeoutMs} ms`))), timeoutMs)
    child.on('message', onMessage)
    child.on('exit', onExit)
  })
}

/** Ends the child by closing its channel, or by force after a while. */
export async function endChild (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  const timer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  if (child.connected) child.disconnect()
  await ended
  clearTimeout(timer)
}
