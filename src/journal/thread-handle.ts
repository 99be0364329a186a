// The supervisor's side of the journal thread: starts it, hands its ports to workers, shows how it is, ends it.

import { randomInt } from 'node:crypto'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Log } from '../contract/adapter.ts'
import type { SinkHealth } from '../contract/sink.ts'
import type { JournalConfig } from './config.ts'
import { JournalError } from './journal-error.ts'
import { createLevelCells, degradedOf, openLevels, readStats, reasonOf } from './levels.ts'
import type { JournalStats, Levels } from './levels.ts'
import type { Hello, ThreadData, ThreadOrder, ThreadReport } from './messages.ts'
import type { Recovered } from './recover.ts'

export interface JournalHealth extends SinkHealth {
  /** What an operator should look at though events are taken: damage, missing segments; '' where there is nothing. */
  readonly degraded: string
}

export interface JournalHandle {
  readonly recovered: Recovered
  /** One worker's end of a new channel: pass it to the worker (it is transferable) and there to `createJournalSink`. */
  attach (): MessagePort
  health (): JournalHealth
  stats (): JournalStats
  /** Levels of the node, by metric name without prefix. Not to be summed over workers. */
  readonly gauges: ReadonlyMap<string, () => number>
  /** Writes and answers what is waiting, then ends the thread. Resolves when it has ended. */
  close (): Promise<void>
  /** Ends the thread at once, as a fault of it would. What it had is neither written nor answered for certain. */
  terminate (): Promise<void>
  /** Calls `listener` once when the thread has ended; `error` unless that was asked for. Start a new one then. */
  onExit (listener: (error: Error | undefined) => void): void
}

// Recovery reads as much as it must: only one that reads nothing more for so long is given up.
const stallMsDefault = 30_000
const looksPerStall = 10

/**
 * Starts the thread and recovers the folder. Rejects with a `JournalError` where the folder cannot be used, and with
 * `journal-stalled` after `stallMs` without progress. The thread may then hang in the operating system for good.
 */
export function startJournal (
  options: { config: JournalConfig, log: Log, stallMs?: number }
): Promise<JournalHandle> {
  const { config, log, stallMs = stallMsDefault } = options
  const data: ThreadData = { config, syncWord: randomInt(1, 2 ** 32), levels: createLevelCells() }
  // From source the entry is a .ts file; the compiler does not rewrite names inside `new URL`.
  const entry = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
  const worker = new Worker(entry, { name: 'journal', workerData: data, execArgv: [] })
  return new Promise((resolve, reject) => {
    let failure: Error | undefined
    const stopWatch = watchProgress(openLevels(data.levels), stallMs, () => {
      reject(stalled(config.dir, stallMs))
      // Neither waited for nor in the way of the process's end: a thread inside a system call does not hear it.
      void worker.terminate()
      worker.unref()
    })
    worker.on('message', (report: ThreadReport) => {
      if (report.kind === 'log') log[report.level](report.fields, report.text)
      else if (report.kind === 'failed') {
        failure = new JournalError(report.code, report.message, { hint: report.hint })
      } else {
        stopWatch()
        resolve(createHandle(worker, data, report.recovered))
      }
    })
    worker.once('error', error => { failure = asError(error) })
    worker.once('exit', () => {
      stopWatch()
      reject(failure ?? new Error('the journal thread ended before it was ready'))
    })
  })
}

/** Calls `onStall` once nothing was read for `stallMs` of this thread's own time. Returns what ends the watch. */
function watchProgress (levels: Levels, stallMs: number, onStall: () => void): () => void {
  let seenBytes = -1
  let sameCount = 0
  const timer = setInterval(() => {
    const readBytes = levels.get('readBytes')
    sameCount = readBytes === seenBytes ? sameCount + 1 : 0
    seenBytes = readBytes
    if (sameCount < looksPerStall) return
    clearInterval(timer)
    onStall()
  }, stallMs / looksPerStall)
  return () => clearInterval(timer)
}

function stalled (dir: string, stallMs: number): JournalError {
  const text = `opening the journal in ${dir} made no progress for ${stallMs / 1_000} seconds`
  return new JournalError('journal-stalled', text, {
    hint: 'the disk or file system under journal.dir does not answer: look at it, or give another journal.dir'
  })
}

function createHandle (worker: Worker, data: ThreadData, recovered: Recovered): JournalHandle {
  const { dir } = data.config
  const levels = openLevels(data.levels)
  const listeners: ((error: Error | undefined) => void)[] = []
  let closing = false
  let failure: Error | undefined
  const order = (message: ThreadOrder, ports: MessagePort[] = []): void => worker.postMessage(message, ports)
  worker.once('error', error => { failure = asError(error) })
  const ended = new Promise<void>(resolve => {
    worker.once('exit', () => {
      levels.setState('closed')
      const error = closing ? undefined : failure ?? new Error('the journal thread ended by itself')
      for (const listener of listeners) listener(error)
      resolve()
    })
  })
  return {
    recovered,
    attach () {
      const { port1, port2 } = new MessageChannel()
      const hello: Hello = { kind: 'hello', syncWord: data.syncWord, levels: data.levels }
      port1.postMessage(hello)
      order({ kind: 'attach', port: port1 }, [port1])
      return port2
    },
    health () {
      const reason = reasonOf(levels, dir)
      return { ready: reason === '', reason, degraded: degradedOf(levels, dir) }
    },
    stats: () => readStats(levels),
    gauges: gaugesOf(levels),
    close () {
      if (!closing) order({ kind: 'close' })
      closing = true
      return ended
    },
    async terminate () {
      await worker.terminate()
      await ended
    },
    onExit (listener) { listeners.push(listener) }
  }
}

function gaugesOf (levels: Levels): ReadonlyMap<string, () => number> {
  return new Map([
    ['journal_bytes', () => levels.get('bytes')],
    ['journal_limit_bytes', () => levels.get('bytesMax')],
    ['journal_segments', () => levels.get('segmentCount')],
    ['journal_groups_total', () => levels.get('groupCount')],
    ['journal_refused_groups_total', () => levels.get('refusedCount')],
    ['journal_syncs_total', () => levels.get('syncCount')],
    ['journal_sync_seconds_total', () => levels.get('syncMs') / 1000],
    ['journal_quarantined', () => levels.get('quarantinedCount')],
    ['journal_suspect_segments', () => levels.get('suspectCount')],
    ['journal_missing_segments', () => levels.get('missingCount')],
    ['journal_unchecked_bytes', () => levels.get('uncheckedBytes')]
  ])
}

function asError (error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
