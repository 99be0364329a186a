// What a journal folder holds, as the history checker takes it.

import { readJournal } from '../../src/journal/reader.ts'
import { digestOf } from './history.ts'
import type { StoredEvent } from './history.ts'

export interface JournalContents {
  readonly stored: readonly StoredEvent[]
  /** Places that cannot be read, and segments that are missing. */
  readonly damage: readonly string[]
}

/** Reads it from the beginning to the end that it has now. */
export async function journalContents (dir: string): Promise<JournalContents> {
  const stored: StoredEvent[] = []
  const damage: string[] = []
  for await (const item of readJournal(dir, { from: 'beginning', follow: false })) {
    if (item.kind === 'damage') damage.push(`${item.journal}: ${item.totalBytes} bytes`)
    else if (item.kind === 'missing') damage.push(`segments ${item.firstSegment} to ${item.lastSegment}`)
    else if (item.kind === 'mark-missing') damage.push('no mark')
    else {
      const id = item.headers.find(([name]) => name === 'ce_id')?.[1]
      stored.push({
        id: String(id ?? ''), digest: digestOf(item.value ?? ''), partition: 0, order: stored.length, position: item.journal
      })
    }
  }
  return { stored, damage }
}
