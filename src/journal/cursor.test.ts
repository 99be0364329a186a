// Walking through frames: whole, torn, damaged, larger than the window, and with a limit that moves.

import fc from 'fast-check'
import t from 'tap'
import { framesOf, recordOf } from '../../test/support/journal.ts'
import { createCursor } from './cursor.ts'
import type { SegmentItem } from './cursor.ts'
import { Group, frameBytesOf } from './group.ts'

const syncWord = 0x01020304

function walk (bytes: Buffer, limit = bytes.length): SegmentItem[] {
  const cursor = createCursor({ read: readerOf(bytes), syncWord, start: 0 })
  const items: SegmentItem[] = []
  for (;;) {
    const item = cursor.next(limit)
    items.push(item)
    if (item.kind === 'end') return items
  }
}

/** Reads at most 1,000 bytes at once, as a disk may. */
function readerOf (bytes: Buffer): (target: Buffer, position: number) => number {
  return (target, position) => bytes.copy(target.subarray(0, 1_000), 0, position)
}

function frame (index: number, valueBytes: number): Buffer {
  const group = new Group()
  const record = recordOf(index, Buffer.alloc(valueBytes, index))
  group.write(record, 6, frameBytesOf(record, 6), syncWord)
  return group.memory.subarray(0, group.usedBytes)
}

t.test('frames of any size come one after the other, whatever the window holds', async t => {
  const frames = [0, 100, 262_000, 300_000, 5, 900_000, 262_144].map((valueBytes, index) => frame(index, valueBytes))
  const items = walk(Buffer.concat(frames))
  t.same(items.map(item => item.kind === 'frame' ? item.totalBytes : item), [
    ...frames.map(one => one.length), { kind: 'end', position: Buffer.concat(frames).length, restBytes: 0 }
  ])
})

t.test('garbage between good frames is one damaged place, and the frames behind it are found', async t => {
  const noise = fc.uint8Array({ minLength: 1, maxLength: 600 })
  t.doesNotThrow(() => fc.assert(fc.property(noise, fc.nat(3), (garbage, before) => {
    const start = framesOf(0, before, syncWord)
    const items = walk(Buffer.concat([start, garbage, framesOf(4, 5, syncWord)]))
    const found = items[before + 1]
    return items.length === before + 5 && found?.kind === 'damage' && found.position === start.length &&
      found.totalBytes === garbage.length
  })))
})

t.test('garbage as long as several windows, full of sync words, is passed in one go', async t => {
  const garbage = Buffer.alloc(700_001, Buffer.from([1, 2, 3, 4]))
  const items = walk(Buffer.concat([garbage, framesOf(0, 0, syncWord)]))
  t.match(items, [{ kind: 'damage', position: 0, totalBytes: 700_001 }, { kind: 'frame' }, { kind: 'end', restBytes: 0 }])
})

t.test('nothing behind the limit is believed, and what was there before it moved is forgotten', async t => {
  const first = framesOf(0, 0, syncWord)
  const bytes = Buffer.concat([first, framesOf(1, 1, syncWord)])
  const cursor = createCursor({ read: readerOf(bytes), syncWord, start: 0 })
  t.equal(cursor.next(first.length).kind, 'frame')
  t.match(cursor.next(first.length), { kind: 'end', restBytes: 0 })
  // The writer took the second frame back and wrote another one in its place.
  framesOf(2, 2, syncWord).copy(bytes, first.length)
  const item = cursor.next(bytes.length)
  t.match(item.kind === 'frame' ? item.bytes.toString('latin1', item.start, item.start + item.totalBytes) : '', /value 2/)
})
