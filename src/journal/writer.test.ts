// The writer against a disk that fails in every way: what is answered, when, and what is in the journal afterwards.

import { mkdirSync, readdirSync, truncateSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { breakableFolder, contentsOf, framesOf, quiet } from '../../test/support/journal.ts'
import type { BrokenFolder } from '../../test/support/journal.ts'
import type { Log } from '../contract/adapter.ts'
import { headerBytes } from './layout.ts'
import { createLevelCells, openLevels } from './levels.ts'
import type { Levels } from './levels.ts'
import { recover } from './recover.ts'
import { JournalWriter } from './writer.ts'
import type { GroupResult, WriterOptions } from './writer.ts'

const syncWord = 0x12345678

interface Rig {
  readonly disk: BrokenFolder
  readonly levels: Levels
  readonly writer: JournalWriter
  /** Hands groups over and returns the answers; every answer stands among the disk's calls as well. */
  commit (...groups: Buffer[]): GroupResult[]
  pass (ms: number): void
  calls (): string[]
}

function rigOf (dir: string, changed: Partial<WriterOptions> = {}): Rig {
  mkdirSync(dir, { recursive: true })
  const disk = breakableFolder(dir)
  const recovered = recover(disk.folder, quiet)
  disk.calls.length = 0
  const levels = openLevels(createLevelCells())
  levels.setState('open')
  levels.set('bytes', recovered.bytes)
  let nowMs = 0
  const writer = new JournalWriter({
    folder: disk.folder, levels, log: quiet, syncWord, nextSegment: recovered.nextSegment,
    previousBytes: recovered.previousBytes, segmentBytesMax: 1 << 20, bytesMax: 1 << 30, groupBytesMax: 1 << 16,
    retryMs: 100, now: () => nowMs, ...changed
  })
  return {
    disk, levels, writer,
    commit (...groups) {
      const results: GroupResult[] = []
      writer.commit(groups, (index, result) => {
        disk.calls.push(['path', `answer ${index}`])
        results[index] = result
      })
      return results
    },
    pass (ms) { nowMs += ms },
    calls: () => disk.calls.splice(0).map(([operation, name]) => `${operation} ${name}`.trim())
  }
}

t.test('nothing is answered before the sync that covers it, and a new segment\'s name is synced first', async t => {
  const rig = rigOf(t.testdir())
  t.same(rig.commit(framesOf(0, 1, syncWord), framesOf(2, 2, syncWord)).map(result => result.kind), ['written', 'written'])
  t.same(rig.calls(), [
    'open committed', 'create 0000000001.log', 'write 0000000001.log', 'sync 0000000001.log', 'syncNames', 'list',
    'named committed', 'write committed', 'write 0000000001.log', 'sync 0000000001.log', 'named 0000000001.log',
    'named committed', 'write committed', 'path answer 0', 'path answer 1'
  ])
  rig.commit(framesOf(3, 3, syncWord))
  t.same(rig.calls(), [
    'write 0000000001.log', 'sync 0000000001.log', 'named 0000000001.log', 'named committed', 'write committed',
    'path answer 0'
  ], 'one write, one sync per group')
  t.equal(rig.levels.get('syncCount'), 2)
})

t.test('groups go on in the next segment when one is full, each answered with its own place', async t => {
  const dir = t.testdir()
  const group = framesOf(0, 9, syncWord)
  const rig = rigOf(dir, { segmentBytesMax: headerBytes + 2 * group.length })
  const results = rig.commit(group, group, group, group, group)
  t.same(results, [
    { kind: 'written', segment: 1, position: headerBytes },
    { kind: 'written', segment: 1, position: headerBytes + group.length },
    { kind: 'written', segment: 2, position: headerBytes },
    { kind: 'written', segment: 2, position: headerBytes + group.length },
    { kind: 'written', segment: 3, position: headerBytes }
  ])
  const calls = rig.calls()
  t.ok(calls.indexOf('path answer 1') < calls.indexOf('create 0000000002.log'), 'the first two do not wait for the rest')
  rig.writer.close()
  t.equal((await contentsOf(dir)).length, 50)
})

t.test('a group larger than a segment gets a segment of its own', async t => {
  const dir = t.testdir()
  const rig = rigOf(dir, { segmentBytesMax: 200 })
  t.same(rig.commit(framesOf(0, 0, syncWord), framesOf(1, 9, syncWord), framesOf(10, 10, syncWord)), [
    { kind: 'written', segment: 1, position: headerBytes }, { kind: 'written', segment: 2, position: headerBytes },
    { kind: 'written', segment: 3, position: headerBytes }
  ])
  rig.writer.close()
  t.equal((await contentsOf(dir)).length, 11)
})

t.test('a write that takes a few bytes at a time is finished', async t => {
  const dir = t.testdir()
  const rig = rigOf(dir)
  rig.disk.fault = (operation, name) => operation === 'write' && name !== 'committed' ? 7 : undefined
  t.same(rig.commit(framesOf(0, 3, syncWord), framesOf(4, 4, syncWord)).map(result => result.kind), ['written', 'written'])
  rig.writer.close()
  t.same(await contentsOf(dir), ['value 0', 'value 1', 'value 2', 'value 3', 'value 4'])
})

t.test('a full disk refuses with nothing left behind, names the folder, and takes events again when there is room', async t => {
  const dir = t.testdir()
  const lines: string[] = []
  const log: Log = { ...quiet, error: (fields, text) => lines.push(`${String(fields.error)} ${text}`) }
  const rig = rigOf(dir, { log })
  rig.commit(framesOf(0, 0, syncWord))
  let tookBytes = 0
  rig.disk.fault = (operation, name) => {
    if (operation !== 'write' || name === 'committed') return undefined
    tookBytes += 10
    return tookBytes > 10 ? 'ENOSPC' : 10
  }
  t.same(rig.commit(framesOf(1, 2, syncWord), framesOf(3, 3, syncWord)), [
    { kind: 'refused', state: 'disk-full' }, { kind: 'refused', state: 'disk-full' }
  ])
  t.same(lines, [`ENOSPC the disk under the journal in ${dir} is full: make room there or enlarge it`])
  rig.calls()
  t.same(rig.commit(framesOf(4, 4, syncWord)), [{ kind: 'refused', state: 'disk-full' }])
  t.same(rig.calls(), ['path answer 0'], 'the disk is not touched again before retryMs')
  t.same(await contentsOf(dir), ['value 0'], 'what was refused is not there, with the gateway still running')
  rig.disk.fault = () => undefined
  rig.pass(100)
  rig.writer.recheck()
  t.equal(rig.levels.state(), 'open')
  t.equal(rig.commit(framesOf(5, 5, syncWord))[0]?.kind, 'written')
  rig.writer.close()
  t.same(await contentsOf(dir), ['value 0', 'value 5'])
  t.equal(rigOf(dir).levels.get('truncatedBytes'), 0)
})

t.test('a failed sync is told as unknown, marks its segment, and is never tried again on that file', async t => {
  for (const failures of ['once', 'always'] as const) {
    const dir = join(t.testdir(), failures)
    const rig = rigOf(dir)
    rig.commit(framesOf(0, 0, syncWord))
    rig.calls()
    let count = 0
    rig.disk.fault = operation => operation === 'sync' && (failures === 'always' || count++ === 0) ? 'EIO' : undefined
    t.same(rig.commit(framesOf(1, 1, syncWord), framesOf(2, 2, syncWord)), [{ kind: 'unknown' }, { kind: 'unknown' }])
    t.equal(rig.levels.state(), 'broken')
    t.equal(rig.levels.get('suspectCount'), 1)
    t.same(rig.commit(framesOf(3, 3, syncWord)), [{ kind: 'refused', state: 'broken' }])
    rig.pass(100)
    t.equal(rig.commit(framesOf(4, 4, syncWord))[0]?.kind, failures === 'once' ? 'written' : 'refused')
    const calls = rig.calls()
    t.notOk(calls.slice(calls.indexOf('create 0000000002.log')).includes('write 0000000001.log'))
    t.ok(readdirSync(dir).includes('0000000001.log.suspect'))
    rig.disk.fault = () => undefined
    rig.pass(100)
    t.equal(rig.commit(framesOf(5, 5, syncWord))[0]?.kind, 'written')
    rig.writer.close()
    t.same(await contentsOf(dir), failures === 'once' ? ['value 0', 'value 4', 'value 5'] : ['value 0', 'value 5'])
    t.equal(recover(breakableFolder(dir).folder, quiet).suspectCount, 1, 'a restart still tells of it')
  }
})

t.test('a failed write that cannot be cut back is unknown, not refused', async t => {
  const dir = t.testdir()
  const rig = rigOf(dir)
  rig.commit(framesOf(0, 0, syncWord))
  rig.disk.fault = (operation, name) => {
    if (operation === 'truncate') return 'EIO'
    return operation === 'write' && name !== 'committed' ? 'ENOSPC' : undefined
  }
  t.same(rig.commit(framesOf(1, 1, syncWord)), [{ kind: 'unknown' }])
  t.ok(readdirSync(dir).includes('0000000001.log.suspect'))
})

t.test('a segment that cannot be made refuses, and leaves no file without a header', async t => {
  for (const [broken, state] of [['create', 'disk-full'], ['sync', 'broken'], ['syncNames', 'broken']] as const) {
    const dir = join(t.testdir(), broken)
    const rig = rigOf(dir)
    rig.disk.fault = operation => operation === broken ? state === 'broken' ? 'EIO' : 'ENOSPC' : undefined
    t.same(rig.commit(framesOf(0, 0, syncWord)), [{ kind: 'refused', state }])
    t.same(readdirSync(dir), ['committed'])
    rig.disk.fault = () => undefined
    rig.pass(100)
    t.same(rig.commit(framesOf(1, 1, syncWord)), [{ kind: 'written', segment: 1, position: headerBytes }])
    rig.writer.close()
  }
})

t.test('at its cap the journal refuses without touching the disk until segments are moved away', async t => {
  const dir = t.testdir()
  const group = framesOf(0, 9, syncWord)
  const rig = rigOf(dir, { segmentBytesMax: headerBytes + group.length, bytesMax: 4 * group.length, groupBytesMax: 64 })
  const results = rig.commit(group, group, group, group, group)
  t.same(results.map(result => result.kind), ['written', 'written', 'written', 'refused', 'refused'])
  t.same(results[3], { kind: 'refused', state: 'full' })
  rig.calls()
  t.equal(rig.commit(group)[0]?.kind, 'refused')
  t.same(rig.calls(), ['path answer 0'])
  rig.pass(100)
  t.equal(rig.commit(group)[0]?.kind, 'refused', 'looking again changes nothing while nothing was moved')
  unlinkSync(join(dir, '0000000001.log'))
  rig.pass(100)
  rig.writer.recheck()
  t.equal(rig.levels.state(), 'open')
  t.equal(rig.commit(group)[0]?.kind, 'written')
})

t.test('an event in a segment that was removed while in use is not acknowledged', async t => {
  const dir = t.testdir()
  const rig = rigOf(dir)
  rig.commit(framesOf(0, 0, syncWord))
  unlinkSync(join(dir, '0000000001.log'))
  t.same(rig.commit(framesOf(1, 1, syncWord)), [{ kind: 'unknown' }])
  t.same(rig.commit(framesOf(2, 2, syncWord)), [{ kind: 'written', segment: 2, position: headerBytes }])
  t.equal(rig.levels.get('missingCount'), 1)
})

t.test('a closed journal refuses', async t => {
  const rig = rigOf(t.testdir())
  rig.writer.close()
  rig.writer.recheck()
  t.same(rig.commit(framesOf(0, 0, syncWord)), [{ kind: 'refused', state: 'closed' }])
})

t.test('a segment that something else has cut is sealed, and the next group goes whole into a new one', async t => {
  const dir = t.testdir()
  const lines: unknown[] = []
  const rig = rigOf(dir, { log: { ...quiet, error: (fields, text) => { lines.push([fields.segment, text]) } } })
  rig.commit(framesOf(0, 0, syncWord))
  const firstBytes = headerBytes + framesOf(0, 0, syncWord).length
  rig.commit(framesOf(1, 1, syncWord))
  truncateSync(join(dir, '0000000001.log'), firstBytes)
  t.same(rig.commit(framesOf(2, 2, syncWord)), [{ kind: 'written', segment: 2, position: headerBytes }])
  t.equal(rig.levels.get('suspectCount'), 1)
  t.equal(rig.levels.state(), 'open')
  t.match(lines, [['0000000001.log', /was cut by something else/]])
  t.ok(readdirSync(dir).includes('0000000001.log.suspect'))
  rig.writer.close()
  t.same(await contentsOf(dir), ['value 0', 'damage', 'value 2'], 'a reader tells of the hole')
  t.match(recover(breakableFolder(dir).folder, quiet), { suspectCount: 1, quarantinedCount: 1 })
})

t.test('a group whose bytes are cut off while it is synced is unknown', async t => {
  const dir = t.testdir()
  const rig = rigOf(dir)
  rig.commit(framesOf(0, 0, syncWord))
  rig.disk.fault = (operation, name) => {
    if (operation === 'sync' && name === '0000000001.log') truncateSync(join(dir, name), headerBytes + 5)
    return undefined
  }
  t.same(rig.commit(framesOf(1, 1, syncWord)), [{ kind: 'unknown' }])
  rig.disk.fault = () => undefined
  t.same(rig.commit(framesOf(2, 2, syncWord)), [{ kind: 'written', segment: 2, position: headerBytes }])
  rig.writer.close()
  t.same(await contentsOf(dir), ['damage', 'value 2'])
})
