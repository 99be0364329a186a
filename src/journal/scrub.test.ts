// Damage between two runs, anywhere in an older segment: found in the background, copied, counted, told once.

import { existsSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { framesOf, quiet } from '../../test/support/journal.ts'
import { openFolder } from './folder.ts'
import { headerBytes, nameOf } from './layout.ts'
import { createLevelCells, degradedOf, openLevels } from './levels.ts'
import type { Levels } from './levels.ts'
import { recover } from './recover.ts'
import { Scrub } from './scrub.ts'
import { JournalWriter } from './writer.ts'

const syncWord = 0x5eed5eed
const group = framesOf(0, 4_999, syncWord)

interface Rig { readonly scrub: Scrub, readonly levels: Levels, readonly lines: unknown[] }

/** Four segments of some hundred KiB each. */
function fill (dir: string): void {
  const levels = openLevels(createLevelCells())
  levels.setState('open')
  const writer = new JournalWriter({
    folder: openFolder(dir), levels, log: quiet, syncWord, nextSegment: 1, previousBytes: 0,
    segmentBytesMax: group.length + headerBytes, bytesMax: 1 << 30, groupBytesMax: 1 << 16, retryMs: 100, now: () => 0
  })
  writer.commit([group, group, group, group], (_index, result) => {
    if (result.kind !== 'written') throw new Error(result.kind)
  })
  writer.close()
}

function flip (dir: string, segment: number, ...positions: number[]): void {
  const file = join(dir, nameOf(segment))
  const bytes = readFileSync(file)
  for (const position of positions) bytes.writeUInt8(bytes.readUInt8(position) ^ 1, position)
  writeFileSync(file, bytes)
}

function start (dir: string, bytesMax = 1 << 30): Rig {
  const folder = openFolder(dir)
  const levels = openLevels(createLevelCells())
  const recovered = recover(folder, quiet)
  levels.set('quarantinedCount', recovered.quarantinedCount)
  levels.set('bytes', recovered.bytes)
  const lines: unknown[] = []
  const log = { ...quiet, error: (fields: Record<string, unknown>): void => { lines.push(fields) } }
  return { levels, lines, scrub: new Scrub({ folder, levels, log, nextSegment: recovered.nextSegment, bytesMax }) }
}

function finish (rig: Rig): number {
  let steps = 0
  while (rig.scrub.step()) if (++steps > 1_000) throw new Error('it does not end')
  return steps
}

t.test('flipped bytes in an older segment are copied aside, counted and told in one line, once', async t => {
  const dir = t.testdir()
  fill(dir)
  flip(dir, 1, headerBytes + 50, 300_000)
  const rig = start(dir)
  t.equal(rig.levels.get('quarantinedCount'), 0, 'the start itself does not read it')
  t.equal(rig.levels.get('uncheckedBytes'), 4 * (group.length + headerBytes))
  rig.scrub.step()
  t.ok(rig.levels.get('uncheckedBytes') > 3 * group.length, 'a step is a slice')
  t.ok(finish(rig) > 4)
  t.match(rig.lines, [{ segment: '0000000001.log', rangeCount: 2 }])
  t.equal(rig.lines.length, 1)
  t.equal(rig.levels.get('quarantinedCount'), 2)
  t.equal(rig.levels.get('uncheckedBytes'), 0)
  t.match(degradedOf(rig.levels, dir), /2 damaged ranges/)
  t.ok(existsSync(join(dir, `0000000001.log.${headerBytes}.quarantine`)))
  const next = start(dir)
  finish(next)
  t.equal(next.levels.get('quarantinedCount'), 2, 'the next start counts them once')
  t.same(next.lines, [])
})

t.test('without room for a copy the damage is counted and told all the same', async t => {
  const dir = t.testdir()
  fill(dir)
  flip(dir, 2, headerBytes + 50)
  const rig = start(dir, 1_000)
  finish(rig)
  t.equal(rig.levels.get('quarantinedCount'), 1)
  t.match(rig.lines, [{ segment: '0000000002.log', rangeCount: 1 }])
  t.notOk(existsSync(join(dir, `0000000002.log.${headerBytes}.quarantine`)))
})

t.test('a segment that is moved away meanwhile is no damage, and a closed scrub reads nothing more', async t => {
  const dir = t.testdir()
  fill(dir)
  const rig = start(dir)
  unlinkSync(join(dir, nameOf(2)))
  finish(rig)
  t.equal(rig.levels.get('quarantinedCount'), 0)
  t.equal(rig.levels.get('uncheckedBytes'), 0)
  const closed = start(dir)
  closed.scrub.step()
  closed.scrub.close()
  t.notOk(closed.scrub.step())
})
