// Runs the real command line as a child process in a folder of its own, and tells what it printed and how it ended.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

export interface Ran { readonly code: number | null, readonly stdout: string, readonly stderr: string }

export interface RunOptions {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
}

/** A folder that is removed at the end of the test. */
export function temporaryFolder (t: { teardown (done: () => void): unknown }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Where Node keeps what it has compiled: it halves the CPU time of a start and changes nothing else. */
const { PATH, NODE_COMPILE_CACHE } = process.env

/** A verb that goes on running. Its environment is only what is given, PATH and the compile cache. */
export class RunningCli {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ran>
  readonly #watchers = new Set<() => void>()

  constructor (words: readonly string[], options: RunOptions) {
    this.child = spawn(process.execPath, [main, ...words], {
      cwd: options.cwd, env: { PATH, NODE_COMPILE_CACHE, ...options.env }, stdio: 'pipe'
    })
    this.child.stdout?.on('data', (chunk: Buffer) => { this.stdout += chunk.toString(); this.#changed() })
    this.child.stderr?.on('data', (chunk: Buffer) => { this.stderr += chunk.toString(); this.#changed() })
    this.child.stdin?.on('error', () => { /* it ended before it read everything */ })
    if (options.stdin !== undefined) this.child.stdin?.end(options.stdin)
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code) => {
        resolve({ code, stdout: this.stdout, stderr: this.stderr })
        this.#changed()
      })
    })
  }

  #changed (): void { for (const watcher of this.#watchers) watcher() }

  /** Resolves once the condition holds. Rejects with all output where it cannot hold any more. */
  until (holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) resolve()
        else if (this.child.exitCode !== null) reject(new Error(`it ended: ${this.stdout}\n${this.stderr}`))
        else return
        this.#watchers.delete(look)
      }
      this.#watchers.add(look)
      look()
    })
  }
}

export function runCli (words: readonly string[], options: RunOptions): Promise<Ran> {
  return new RunningCli(words, { stdin: '', ...options }).ended
}
