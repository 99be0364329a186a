// The mark while the gateway runs: made again when it is removed, told once, and never in an answer's way.

import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { breakableFolder, quiet } from '../../test/support/journal.ts'
import type { Log } from '../contract/adapter.ts'
import { MarkFile } from './mark-file.ts'
import { markName, readMark } from './mark.ts'

function noting (): { log: Log, lines: string[] } {
  const lines: string[] = []
  return { lines, log: { ...quiet, warn: (_fields, text) => { lines.push(text) } } }
}

t.test('a mark that is removed is made again, by the next write or the next look, and told once', async t => {
  const dir = t.testdir()
  const { folder } = breakableFolder(dir)
  const { log, lines } = noting()
  const mark = new MarkFile(folder, log, { segment: 0, bytes: 0 })
  mark.write(1, 100)
  unlinkSync(join(dir, markName))
  mark.write(1, 200)
  mark.write(1, 300)
  t.same(readMark(folder), { segment: 1, bytes: 300 })
  t.match(lines, [/was removed/])
  unlinkSync(join(dir, markName))
  mark.keep()
  mark.keep()
  t.same(readMark(folder), { segment: 1, bytes: 300 })
  t.equal(lines.length, 2)
  mark.close()
})

t.test('a start without a mark writes where recovery found the end, and keeps one that is there', async t => {
  const dir = t.testdir()
  const { folder } = breakableFolder(dir)
  new MarkFile(folder, quiet, { segment: 3, bytes: 70 }).close()
  t.same(readMark(folder), { segment: 3, bytes: 70 })
  new MarkFile(folder, quiet, { segment: 4, bytes: 90 }).close()
  t.same(readMark(folder), { segment: 3, bytes: 70 })
})

t.test('a disk that does not take the mark is told once until it takes one again', async t => {
  const disk = breakableFolder(t.testdir())
  const { log, lines } = noting()
  const mark = new MarkFile(disk.folder, log, { segment: 0, bytes: 0 })
  disk.fault = operation => operation === 'write' ? 'EIO' : undefined
  mark.write(1, 100)
  mark.write(1, 200)
  t.match(lines, [/not written/])
  disk.fault = () => undefined
  mark.write(1, 300)
  t.same(readMark(disk.folder), { segment: 1, bytes: 300 })
  mark.close()
})
