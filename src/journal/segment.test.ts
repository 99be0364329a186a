// Opening a segment: with its header, without it, and with nothing that helps.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { framesOf } from '../../test/support/journal.ts'
import { openFolder } from './folder.ts'
import { encodeHeader, headerBytes, nameOf } from './layout.ts'
import { openSegment } from './segment.ts'

const header = { number: 3, createdMs: 5, previousBytes: 7, syncWord: 99 }

t.test('a sound segment gives its header and its frames', async t => {
  const dir = t.testdir()
  writeFileSync(join(dir, nameOf(3)), Buffer.concat([encodeHeader(header), framesOf(0, 1, 99)]))
  const segment = openSegment(openFolder(dir), 3)
  t.same(segment.header, header)
  t.equal(segment.cursor?.next(segment.bytes()).kind, 'frame')
  segment.close()
})

t.test('a segment under another number\'s name is damaged, but its frames are read', async t => {
  const dir = t.testdir()
  writeFileSync(join(dir, nameOf(4)), Buffer.concat([encodeHeader(header), framesOf(0, 1, 99)]))
  const segment = openSegment(openFolder(dir), 4)
  t.equal(segment.header, undefined)
  t.match(segment.cursor?.next(segment.bytes()), { kind: 'frame', position: headerBytes })
  segment.close()
})

t.test('without a header and a whole first frame there is no cursor', async t => {
  const dir = t.testdir()
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(headerBytes), Buffer.alloc(5_000), Buffer.alloc(60, 255)]) {
    writeFileSync(join(dir, nameOf(1)), bytes)
    const segment = openSegment(openFolder(dir), 1)
    t.equal(segment.cursor, undefined, `${bytes.length} bytes`)
    segment.close()
  }
})

t.test('another format is told with the file\'s name', async t => {
  const dir = t.testdir()
  const bytes = encodeHeader({ ...header, number: 1 })
  bytes.writeUInt32BE(9, 8)
  writeFileSync(join(dir, nameOf(1)), bytes)
  t.throws(() => openSegment(openFolder(dir), 1), { code: 'journal-format-unknown', message: /0000000001\.log.*format 9/ })
  t.equal(readFileSync(join(dir, nameOf(1))).length, headerBytes)
})
