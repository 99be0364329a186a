// The journal thread, one per node, started by `startJournal`. Its disk work is synchronous; workers wait on ports.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { Log } from '../contract/adapter.ts'
import { makeFolder, openFolder } from './folder.ts'
import type { Folder } from './folder.ts'
import { JournalError, systemCode } from './journal-error.ts'
import { openLevels } from './levels.ts'
import type { Levels } from './levels.ts'
import { acquireLock } from './lock.ts'
import type { FileLock } from './lock.ts'
import type { AnswerMessage, GroupMessage, LogLevel, ThreadData, ThreadOrder, ThreadReport } from './messages.ts'
import { recover } from './recover.ts'
import { Scrub } from './scrub.ts'
import { JournalWriter } from './writer.ts'

// A slice of 256 KiB so often reads 25 MiB/s, and holds up a group for the time of one slice.
const scrubEveryMs = 10

interface Arrival { readonly port: MessagePort, readonly group: GroupMessage }

class JournalThread {
  readonly #writer: JournalWriter
  readonly #lock: FileLock
  readonly #ports = new Set<MessagePort>()
  readonly #recheck: NodeJS.Timeout
  readonly #scrub: Scrub
  readonly #scrubbing: NodeJS.Timeout

  constructor (writer: JournalWriter, scrub: Scrub, lock: FileLock, retryMs: number) {
    this.#writer = writer
    this.#lock = lock
    this.#recheck = setInterval(() => writer.recheck(), retryMs)
    this.#scrub = scrub
    this.#scrubbing = setInterval(() => { if (!scrub.step()) clearInterval(this.#scrubbing) }, scrubEveryMs)
  }

  attach (port: MessagePort): void {
    this.#ports.add(port)
    port.on('message', (group: GroupMessage) => this.#commit([{ port, group }]))
    port.on('close', () => this.#ports.delete(port))
  }

  close (): void {
    clearInterval(this.#recheck)
    clearInterval(this.#scrubbing)
    this.#scrub.close()
    this.#commit([])
    for (const port of this.#ports) port.close()
    this.#writer.close()
    this.#lock.release()
  }

  /** Takes everything that waits on any port into one commit: whoever arrived during the last sync shares the next. */
  #commit (arrivals: Arrival[]): void {
    for (const port of this.#ports) {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
        arrivals.push({ port, group: next.message as GroupMessage })
      }
    }
    const groups = arrivals.map(({ group }) => new Uint8Array(group.bytes, 0, group.usedBytes))
    this.#writer.commit(groups, (index, result) => {
      const arrival = arrivals[index]
      if (arrival === undefined) return
      const { bytes } = arrival.group
      arrival.port.postMessage({ kind: 'answer', bytes, result } satisfies AnswerMessage, [bytes])
    })
  }
}

function start (data: ThreadData, report: (message: ThreadReport) => void): JournalThread {
  const { config } = data
  const log = logOver(report)
  try {
    makeFolder(config.dir)
  } catch (cause) {
    throw new JournalError('journal-unreadable', `making the journal's folder ${config.dir} failed: ${systemCode(cause)}`, {
      hint: 'journal.dir must lie where this gateway may write', cause
    })
  }
  const lock = acquireLock(config.dir)
  try {
    const folder = openFolder(config.dir)
    const levels = openLevels(data.levels)
    const recovered = recover(countingReads(folder, levels), log)
    for (const [cell, value] of Object.entries({
      bytesMax: config.bytesMax, bytes: recovered.bytes, segmentCount: recovered.segmentCount,
      quarantinedCount: recovered.quarantinedCount, suspectCount: recovered.suspectCount,
      missingCount: recovered.missingCount, truncatedBytes: recovered.truncatedBytes
    } as const)) levels.set(cell as Parameters<typeof levels.set>[0], value)
    levels.setState('open')
    const writer = new JournalWriter({
      folder, levels, log, syncWord: data.syncWord, nextSegment: recovered.nextSegment,
      previousBytes: recovered.previousBytes, segmentBytesMax: config.segmentBytesMax, bytesMax: config.bytesMax,
      groupBytesMax: config.groupBytesMax, retryMs: config.retryMs, now: () => performance.now()
    })
    const { nextSegment } = recovered
    const scrub = new Scrub({ folder, levels, log, nextSegment, bytesMax: config.bytesMax })
    const thread = new JournalThread(writer, scrub, lock, config.retryMs)
    report({ kind: 'ready', recovered })
    return thread
  } catch (error) {
    lock.release()
    throw error
  }
}

/** Lets the supervisor see that recovery goes on. */
function countingReads (folder: Folder, levels: Levels): Folder {
  return {
    ...folder,
    read (file, target, position) {
      const bytes = folder.read(file, target, position)
      levels.add('readBytes', bytes)
      return bytes
    }
  }
}

function logOver (report: (message: ThreadReport) => void): Log {
  const at = (level: LogLevel) => (fields: Record<string, unknown>, text: string): void => {
    report({ kind: 'log', level, fields, text })
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** Takes the supervisor's orders until it says `close`. */
function run (supervisor: MessagePort): void {
  const report = (message: ThreadReport): void => { supervisor.postMessage(message) }
  try {
    const thread = start(workerData as ThreadData, report)
    supervisor.on('message', (order: ThreadOrder) => {
      if (order.kind === 'attach') return thread.attach(order.port)
      thread.close()
      supervisor.close()
    })
  } catch (error) {
    if (!(error instanceof JournalError)) throw error
    report({ kind: 'failed', code: error.code, message: error.message, hint: error.hint })
  }
}

if (parentPort !== null) run(parentPort)
