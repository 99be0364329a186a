// Keeps the counts of quotas in a file, so that they survive a restart: written every second, by the main thread alone.

import { createHash } from 'node:crypto'
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Log } from '../contract/adapter.ts'
import type { KeptTable } from './node-tables.ts'

const magic = 'sluice-counts 1'
/** So much counting is lost at most when the process is killed. */
const everyMs = 1_000
/** What a file of counts may have at most to be read. */
const fileBytesMax = 256 * 1024 * 1024

/**
 * The tables of the file; none where there is no file. A file that is torn or somebody else's is left out with a
 * warning: a quota that starts over is better than a gateway that does not start.
 */
export function readCounts (path: string, log: Log): readonly KeptTable[] {
  let text
  try {
    text = statSync(path).size > fileBytesMax ? '' : readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') log.warn({ path, error }, 'the file of quotas cannot be read')
    return []
  }
  const [head, sum, body] = text.split('\n')
  if (head === magic && body !== undefined && sum === digest(body)) return JSON.parse(body) as KeptTable[]
  log.warn({ path }, 'the file of quotas is torn or not ours: their counts start over')
  return []
}

export interface CountsFile {
  /** Writes the last counts, to the disk itself. */
  stop (): void
}

/** Writes what `keep` says to `path` every second, where it has changed. */
export function startCountsFile (path: string, keep: () => readonly KeptTable[], log: Log): CountsFile {
  let written = ''
  let failed = false

  function write (sync: boolean): void {
    const body = JSON.stringify(keep())
    if (body === written && !sync) return
    try {
      replaceFile(path, `${magic}\n${digest(body)}\n${body}\n`, sync)
      written = body
      failed = false
    } catch (error) {
      if (!failed) log.error({ path, error }, 'the counts of quotas cannot be written: a restart would lose them')
      failed = true
    }
  }

  const timer = setInterval(() => write(false), everyMs)
  timer.unref()
  return {
    stop () {
      clearInterval(timer)
      write(true)
    }
  }
}

/** Whoever reads finds the old text or the new one. After power is lost also a torn one, unless it was synced. */
function replaceFile (path: string, text: string, sync: boolean): void {
  mkdirSync(dirname(path), { recursive: true })
  const beside = `${path}.new`
  const file = openSync(beside, 'w', 0o600)
  try {
    writeFileSync(file, text)
    if (sync) fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(beside, path)
}

function digest (text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
