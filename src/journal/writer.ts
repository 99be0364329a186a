// Group commit: many groups of frames, few writes, one sync, and only then the answers. Decides what a fault means.
//
// What the answers promise:
// * written: the sync that covers the group has returned, and the file still has its name in the folder.
// * refused: the group is certainly not in the journal. Either the disk was not touched, or the write failed before any
//   sync of it and the file was cut back to the last good position and synced there.
// * unknown: the sync failed, or cutting back did. The kernel may have written any part of it and reports a failed
//   write-back only once, so a second sync that succeeds proves nothing. It is never retried: the segment is cut back
//   as far as the disk obeys, marked `.suspect`, and never written again.

import type { Log } from '../contract/adapter.ts'
import type { Folder } from './folder.ts'
import { systemCode } from './journal-error.ts'
import { encodeHeader, headerBytes, nameOf, numberOf } from './layout.ts'
import { reasonOf } from './levels.ts'
import type { JournalState, Levels } from './levels.ts'
import { MarkFile } from './mark-file.ts'
import { bytesOf, writeAll } from './write-all.ts'

export type GroupResult =
  /** `position` is that of the group's first byte in its segment. */
  | { readonly kind: 'written', readonly segment: number, readonly position: number }
  | { readonly kind: 'refused', readonly state: JournalState }
  | { readonly kind: 'unknown' }

export type Answer = (index: number, result: GroupResult) => void

export interface WriterOptions {
  readonly folder: Folder
  readonly levels: Levels
  readonly log: Log
  readonly syncWord: number
  readonly nextSegment: number
  /** Length of the segment before `nextSegment`; 0 where there is none. */
  readonly previousBytes: number
  readonly segmentBytesMax: number
  readonly bytesMax: number
  readonly groupBytesMax: number
  readonly retryMs: number
  /** A clock in milliseconds that never goes back. */
  readonly now: () => number
}

// Far below the 1024 parts that one writev takes on Linux.
const groupsPerWriteMax = 512
const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

interface OpenSegment { readonly file: number, readonly number: number, bytes: number }

export class JournalWriter {
  readonly #options: WriterOptions
  readonly #folder: Folder
  readonly #levels: Levels
  readonly #log: Log
  /** Free bytes at which a full journal takes events again: not at the first byte, or it would flap. */
  readonly #resumeBytes: number
  readonly #mark: MarkFile
  #nextSegment: number
  #previousBytes: number
  #current: OpenSegment | undefined
  #retryAt = 0

  constructor (options: WriterOptions) {
    this.#options = options
    this.#folder = options.folder
    this.#levels = options.levels
    this.#log = options.log
    this.#resumeBytes = Math.min(Math.ceil(options.bytesMax / 20), options.groupBytesMax * 4)
    const last = { segment: options.nextSegment - 1, bytes: options.previousBytes }
    this.#mark = new MarkFile(options.folder, options.log, last)
    this.#nextSegment = options.nextSegment
    this.#previousBytes = options.previousBytes
  }

  /** Writes the groups in order and answers each exactly once before it returns. */
  commit (groups: readonly Uint8Array[], answer: Answer): void {
    let from = 0
    while (from < groups.length) {
      const count = this.#admit(groups, from)
      if (count === 0 || this.#current === undefined) {
        this.#levels.add('refusedCount', 1)
        answer(from++, { kind: 'refused', state: this.#levels.state() })
        continue
      }
      const parts = groups.slice(from, from + count)
      const result = this.#append(this.#current, parts)
      let offsetBytes = 0
      for (const part of parts) {
        const partBytes = part.length
        // From here on the part is the caller's again, who may give its memory away.
        answer(from++, result.kind === 'written' ? { ...result, position: result.position + offsetBytes } : result)
        offsetBytes += partBytes
      }
    }
  }

  /** Looks whether a full or broken disk can be used again; else only keeps the mark. Called every `retryMs`. */
  recheck (): void {
    const state = this.#levels.state()
    if (state === 'closed') return
    this.#mark.keep()
    if (state === 'open') return
    this.#retryAt = this.#options.now() + this.#options.retryMs
    try {
      this.#recount()
      if (this.#levels.get('bytes') + this.#resumeBytes > this.#options.bytesMax) this.#enter('full')
      else if (state === 'disk-full' && this.#folder.freeBytes() < this.#resumeBytes) return
      else if (this.#current !== undefined || this.#roll()) this.#enter('open')
    } catch (error) {
      this.#enter('broken', { error: systemCode(error), attempted: 'looking at the folder' })
    }
  }

  close (): void {
    this.#leave()
    attempt(() => this.#mark.close())
    this.#levels.setState('closed')
  }

  #enter (state: JournalState, fields: Record<string, unknown> = {}): void {
    this.#retryAt = this.#options.now() + this.#options.retryMs
    if (this.#levels.state() === state) return
    this.#levels.setState(state)
    const dir = this.#folder.path
    if (state === 'open') this.#log.info({ dir, ...fields }, 'the journal takes events again')
    else this.#log.error({ dir, ...fields }, reasonOf(this.#levels, dir))
  }

  #recount (): void {
    let bytes = 0
    let segmentCount = 0
    for (const file of this.#folder.list()) {
      bytes += file.bytes
      if (numberOf(file.name) !== undefined) segmentCount++
    }
    this.#levels.set('bytes', bytes)
    this.#levels.set('segmentCount', segmentCount)
  }

  /** Leaves the segment, which is synced up to its length, and puts the next one's name and header on the disk. */
  #roll (): boolean {
    this.#leave()
    const name = nameOf(this.#nextSegment)
    let file: number | undefined
    try {
      file = this.#folder.create(name)
      writeAll(this.#folder, file, [encodeHeader({
        number: this.#nextSegment, createdMs: Date.now(), previousBytes: this.#previousBytes,
        syncWord: this.#options.syncWord
      })], 0)
      this.#folder.sync(file)
      this.#folder.syncNames()
      this.#current = { file, number: this.#nextSegment, bytes: headerBytes }
      this.#nextSegment++
      this.#recount()
      this.#mark.write(this.#current.number, headerBytes)
      return true
    } catch (error) {
      // A half-made segment has no frames. Where it cannot be removed its number is left behind.
      if (file !== undefined) this.#discard(file, name)
      if (systemCode(error) === 'EEXIST') this.#nextSegment++
      this.#enter(stateAfter(error), { segment: name, error: systemCode(error), attempted: 'making a segment' })
      return false
    }
  }

  #discard (file: number, name: string): void {
    attempt(() => this.#folder.close(file))
    if (attempt(() => this.#folder.remove(name))) return
    this.#nextSegment++
    this.#previousBytes = 0
  }

  #leave (): void {
    const segment = this.#current
    if (segment === undefined) return
    this.#current = undefined
    this.#previousBytes = segment.bytes
    attempt(() => this.#folder.close(segment.file))
  }

  #poison (segment: OpenSegment, error: unknown): void {
    this.#seal(segment, true)
    this.#enter(stateAfter(error), { segment: nameOf(segment.number), error: systemCode(error) })
  }

  /** Leaves the segment for good, marked so that later starts read it in full. */
  #seal (segment: OpenSegment, cutBack: boolean): void {
    this.#levels.add('suspectCount', 1)
    attempt(() => this.#folder.close(this.#folder.open(`${nameOf(segment.number)}.suspect`)))
    if (cutBack) attempt(() => this.#cutBack(segment))
    attempt(() => this.#folder.syncNames())
    this.#leave()
    attempt(() => this.#recount())
  }

  /** True where something else has cut the segment below `bytes`: it is sealed then, and not cut or filled up. */
  #sealIfShort (segment: OpenSegment, bytes: number): boolean {
    const foundBytes = this.#folder.bytesOf(segment.file)
    if (foundBytes >= bytes) return false
    const fields = { dir: this.#folder.path, segment: nameOf(segment.number), bytes: foundBytes, writtenBytes: bytes }
    this.#log.error(fields, 'the segment in use was cut by something else; events in it may be lost')
    this.#seal(segment, false)
    return true
  }

  #cutBack (segment: OpenSegment): void {
    this.#folder.truncate(segment.file, segment.bytes)
    this.#folder.sync(segment.file)
  }

  /** After a write that failed: cuts back. True where nothing of the groups is left for certain. */
  #undo (segment: OpenSegment, error: unknown): boolean {
    if (!attempt(() => this.#cutBack(segment))) {
      this.#poison(segment, error)
      return false
    }
    const state = stateAfter(error)
    // A disk that fails otherwise than by being full gets no second chance with this file.
    if (state === 'broken') this.#leave()
    this.#enter(state, { segment: nameOf(segment.number), error: systemCode(error) })
    return true
  }

  #append (segment: OpenSegment, parts: readonly Uint8Array[]): GroupResult {
    const position = segment.bytes
    try {
      writeAll(this.#folder, segment.file, parts, position)
    } catch (error) {
      return this.#undo(segment, error) ? { kind: 'refused', state: this.#levels.state() } : { kind: 'unknown' }
    }
    const startMs = performance.now()
    try {
      this.#folder.sync(segment.file)
    } catch (error) {
      this.#poison(segment, error)
      return { kind: 'unknown' }
    }
    if (!this.#folder.named(segment.file)) {
      // Removed under our hands: what was synced has no name any more. The next group gets a new segment.
      this.#leave()
      this.#levels.add('missingCount', 1)
      this.#log.error({ dir: this.#folder.path, segment: nameOf(segment.number) }, 'the segment in use was removed')
      return { kind: 'unknown' }
    }
    // Cut after the write, the groups may be gone in part. Cut right before it, they stand whole behind a hole, where
    // readers find them like any frame behind damage: they are written, and told so.
    const addedBytes = bytesOf(parts)
    if (this.#sealIfShort(segment, position + addedBytes)) return { kind: 'unknown' }
    segment.bytes += addedBytes
    this.#mark.write(segment.number, segment.bytes)
    this.#levels.add('syncMs', performance.now() - startMs)
    this.#levels.add('syncCount', 1)
    this.#levels.add('groupCount', parts.length)
    this.#levels.add('bytes', addedBytes)
    return { kind: 'written', segment: segment.number, position }
  }

  /** Makes room for the group at `from` and returns how many groups go into the open segment with it; 0 refuses it. */
  #admit (groups: readonly Uint8Array[], from: number): number {
    if (this.#levels.state() !== 'open') {
      if (this.#options.now() >= this.#retryAt) this.recheck()
      if (this.#levels.state() !== 'open') return 0
    }
    if (this.#current !== undefined) this.#sealIfShort(this.#current, this.#current.bytes)
    const { bytesMax, segmentBytesMax } = this.#options
    let bytes = groups[from]?.length ?? 0
    if (this.#levels.get('bytes') + bytes + headerBytes > bytesMax) {
      this.#enter('full')
      return 0
    }
    const usedBytes = this.#current?.bytes ?? segmentBytesMax
    // An empty segment takes any group, however large, so that no group is too large for ever.
    if (usedBytes > headerBytes && usedBytes + bytes > segmentBytesMax && !this.#roll()) return 0
    const roomBytes = Math.min(
      segmentBytesMax - (this.#current?.bytes ?? 0), bytesMax - this.#levels.get('bytes') - headerBytes
    )
    let count = 1
    while (from + count < groups.length && count < groupsPerWriteMax) {
      bytes += groups[from + count]?.length ?? 0
      if (bytes > roomBytes) break
      count++
    }
    return count
  }
}

/** True where the action succeeded. For what is tried on a disk that has already failed. */
function attempt (action: () => unknown): boolean {
  try {
    action()
    return true
  } catch {
    return false
  }
}

function stateAfter (error: unknown): JournalState {
  return fullCodes.has(systemCode(error)) ? 'disk-full' : 'broken'
}
