// Writes how far the journal is on the disk, for readers; makes the file again where somebody has removed it.

import type { Log } from '../contract/adapter.ts'
import type { Folder } from './folder.ts'
import { systemCode } from './journal-error.ts'
import { decodeMark, encodeMark, markBytes } from './layout.ts'
import type { Mark } from './layout.ts'
import { markName } from './mark.ts'

/** Of what it cannot write it only warns: no answer to a sender depends on the mark. */
export class MarkFile {
  readonly #folder: Folder
  readonly #log: Log
  readonly #bytes = Buffer.alloc(markBytes)
  #file: number
  #failing = false

  /** `last`: where recovery found the journal's end, for a folder without a mark. Throws the system's errors. */
  constructor (folder: Folder, log: Log, last: Mark) {
    this.#folder = folder
    this.#log = log
    this.#file = folder.open(markName)
    if (folder.read(this.#file, this.#bytes, 0) === markBytes && decodeMark(this.#bytes) !== undefined) return
    encodeMark(this.#bytes, last)
    if (last.bytes > 0) this.#try(() => this.#put())
  }

  write (segment: number, bytes: number): void {
    encodeMark(this.#bytes, { segment, bytes })
    this.#try(() => {
      this.#remakeIfGone()
      this.#put()
    })
  }

  /** Looks whether the file is still there, for times without events. */
  keep (): void {
    this.#try(() => { if (this.#remakeIfGone()) this.#put() })
  }

  close (): void {
    this.#folder.close(this.#file)
  }

  #put (): void {
    this.#folder.write(this.#file, [this.#bytes], 0)
  }

  #remakeIfGone (): boolean {
    if (this.#folder.named(this.#file)) return false
    const file = this.#folder.open(markName)
    this.#folder.close(this.#file)
    this.#file = file
    this.#log.warn({ dir: this.#folder.path, file: markName }, 'the mark of what is synced was removed; it is made again')
    return true
  }

  /** Told once per run of failures: readers lag then, and recovery takes damage at the very end for a torn write. */
  #try (action: () => void): void {
    try {
      action()
      this.#failing = false
    } catch (error) {
      if (!this.#failing) {
        this.#log.warn({ dir: this.#folder.path, error: systemCode(error) }, 'the mark of what is synced was not written')
      }
      this.#failing = true
    }
  }
}
