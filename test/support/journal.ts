// What the journal's tests share: a config, records, a settler that remembers.

import type { Log } from '../../src/contract/adapter.ts'
import type { Outcome, Settler } from '../../src/contract/outcome.ts'
import type { SinkRecord } from '../../src/contract/sink.ts'
import type { JournalConfig } from '../../src/journal/config.ts'
import { openFolder } from '../../src/journal/folder.ts'
import type { Folder } from '../../src/journal/folder.ts'
import { Group, frameBytesOf } from '../../src/journal/group.ts'
import { readJournal } from '../../src/journal/reader.ts'

export const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export function journalConfigOf (dir: string, changed: Partial<JournalConfig> = {}): JournalConfig {
  return {
    dir, bytesMax: 1 << 30, segmentBytesMax: 64 << 20, groupBytesMax: 1 << 20, bufferBytesMax: 32 << 20, retryMs: 20,
    ...changed
  }
}

export function recordOf (index: number, value: Buffer | null = Buffer.from(`value ${index}`)): SinkRecord {
  return {
    topic: 'orders', key: Buffer.from(`key ${index}`), value, headers: ['ce_id', `id-${index}`],
    timestampMs: 1_700_000_000_000 + index, id: `id-${index}`, source: '/test'
  }
}

export class Collector implements Settler {
  readonly #outcomes = new Map<number, Outcome>()
  #wanted = 0
  #reached: (() => void) | undefined

  settle (ticket: number, outcome: Outcome): void {
    if (this.#outcomes.has(ticket)) throw new Error(`ticket ${ticket} was settled twice`)
    this.#outcomes.set(ticket, outcome)
    if (this.#outcomes.size >= this.#wanted) this.#reached?.()
  }

  of (ticket: number): Outcome | undefined {
    return this.#outcomes.get(ticket)
  }

  get size (): number { return this.#outcomes.size }

  /** Resolves when so many tickets are settled. */
  async count (wanted: number): Promise<void> {
    this.#wanted = wanted
    if (this.#outcomes.size >= wanted) return
    await new Promise<void>(resolve => { this.#reached = resolve })
  }
}

/** One call of a folder, in order: the operation and the file's name ('' for the folder). */
export type FolderCall = readonly [operation: keyof Folder, name: string]

export interface BrokenFolder {
  readonly folder: Folder
  readonly calls: FolderCall[]
  /** Asked before every call. An error's code makes the call fail; a number makes a write take only so many bytes. */
  fault: (operation: keyof Folder, name: string, bytes: number) => string | number | undefined
}

/** A real folder whose calls are noted and can be made to fail. */
export function breakableFolder (dir: string): BrokenFolder {
  const real = openFolder(dir)
  const names = new Map<number, string>()
  const calls: FolderCall[] = []
  const broken: BrokenFolder = { folder: real, calls, fault: () => undefined }
  const note = (operation: keyof Folder, name: string, bytes = 0): number => {
    calls.push([operation, name])
    const fault = broken.fault(operation, name, bytes)
    if (typeof fault === 'string') throw Object.assign(new Error(`${fault}: planted`), { code: fault })
    return fault ?? Infinity
  }
  const nameOf = (file: number): string => names.get(file) ?? '?'
  const opened = (operation: 'create' | 'open' | 'openToRead') => (name: string): number => {
    note(operation, name)
    const file = real[operation](name)
    names.set(file, name)
    return file
  }
  const folder: Folder = {
    path: dir,
    list: () => { note('list', ''); return real.list() },
    create: opened('create'), open: opened('open'), openToRead: opened('openToRead'),
    write (file, parts, position) {
      const whole = Buffer.concat(parts)
      const takenBytes = note('write', nameOf(file), whole.length)
      return takenBytes >= whole.length
        ? real.write(file, parts, position)
        : real.write(file, [whole.subarray(0, takenBytes)], position)
    },
    read: (file, target, position) => real.read(file, target, position),
    sync: file => { note('sync', nameOf(file)); real.sync(file) },
    syncNames: () => { note('syncNames', ''); real.syncNames() },
    truncate: (file, bytes) => { note('truncate', nameOf(file), bytes); real.truncate(file, bytes) },
    bytesOf: file => real.bytesOf(file),
    named: file => { note('named', nameOf(file)); return real.named(file) },
    close: file => { note('close', nameOf(file)); real.close(file) },
    remove: name => { note('remove', name); real.remove(name) },
    freeBytes: () => { note('freeBytes', ''); return real.freeBytes() }
  }
  return Object.assign(broken, { folder })
}

/** Frames of events `first` to `last`, as a worker hands them over. */
export function framesOf (first: number, last: number, syncWord: number): Buffer {
  const group = new Group()
  for (let index = first; index <= last; index++) {
    const record = recordOf(index)
    const topicBytes = Buffer.byteLength(record.topic)
    group.write(record, topicBytes, frameBytesOf(record, topicBytes), syncWord)
  }
  return group.memory.subarray(0, group.usedBytes)
}

/** The values of all readable events of a folder, with what was found damaged or missing in between. */
export async function contentsOf (dir: string): Promise<string[]> {
  const found: string[] = []
  for await (const item of readJournal(dir, { from: 'beginning', follow: false })) {
    found.push(item.kind === 'event' ? String(item.value) : item.kind)
  }
  return found
}
