// The mark of what is synced: read whole or not at all.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openFolder } from './folder.ts'
import { encodeMark, markBytes } from './layout.ts'
import { markName, readMark } from './mark.ts'

t.test('a mark is read back; none, a short or a torn one is not made up', async t => {
  const dir = t.testdir()
  const folder = openFolder(dir)
  t.equal(readMark(folder), undefined)
  const bytes = Buffer.alloc(markBytes)
  encodeMark(bytes, { segment: 2, bytes: 400 })
  writeFileSync(join(dir, markName), bytes)
  t.same(readMark(folder), { segment: 2, bytes: 400 })
  writeFileSync(join(dir, markName), bytes.subarray(0, 20))
  t.equal(readMark(folder), undefined)
  bytes.writeUInt8(77, 3)
  writeFileSync(join(dir, markName), bytes)
  t.equal(readMark(folder), undefined)
})
