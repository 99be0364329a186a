// Recovery: torn tails at every byte, flipped bits anywhere, missing and foreign files. No good frame before damage is
// lost, no wrong one is ever returned, and nothing is skipped in silence.

import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { breakableFolder, contentsOf, framesOf, quiet } from '../../test/support/journal.ts'
import type { Log } from '../contract/adapter.ts'
import { openFolder } from './folder.ts'
import { headerBytes } from './layout.ts'
import { createLevelCells, openLevels } from './levels.ts'
import { recover } from './recover.ts'
import type { Recovered } from './recover.ts'
import { JournalWriter } from './writer.ts'

const syncWord = 0x5eed5eed
const first = '0000000001.log'
const second = '0000000002.log'

/** One run of a gateway: recovers, writes each group with a sync of its own, ends without saying goodbye. */
function run (dir: string, groups: Buffer[], segmentBytesMax = 1 << 20): Recovered {
  mkdirSync(dir, { recursive: true })
  const folder = openFolder(dir)
  const recovered = recover(folder, quiet)
  const levels = openLevels(createLevelCells())
  levels.setState('open')
  const writer = new JournalWriter({
    folder, levels, log: quiet, syncWord, nextSegment: recovered.nextSegment, previousBytes: recovered.previousBytes,
    segmentBytesMax, bytesMax: 1 << 30, groupBytesMax: 1 << 16, retryMs: 100, now: () => 0
  })
  for (const group of groups) {
    writer.commit([group], (_index, result) => { if (result.kind !== 'written') throw new Error(result.kind) })
  }
  writer.close()
  return recovered
}

function flip (file: string, bit: number): void {
  const bytes = readFileSync(file)
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  writeFileSync(file, bytes)
}

const valuesOf = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `value ${from + index}`)

t.test('a tail torn at any byte of the last frame costs that frame only, and the next run goes on behind it', async t => {
  const dir = t.testdir()
  const lastBytes = framesOf(4, 4, syncWord).length
  for (let cutBytes = 1; cutBytes < lastBytes; cutBytes++) {
    const copy = join(dir, String(cutBytes))
    run(copy, [framesOf(0, 3, syncWord)])
    writeFileSync(join(copy, first), Buffer.concat([
      readFileSync(join(copy, first)), framesOf(4, 4, syncWord).subarray(0, lastBytes - cutBytes)
    ]))
    const recovered = run(copy, [framesOf(5, 5, syncWord)])
    if (recovered.truncatedBytes !== lastBytes - cutBytes || recovered.quarantinedCount !== 0) t.fail(`cut ${cutBytes}`)
    if (recovered.frameCount !== 4) t.fail(`cut ${cutBytes}: ${recovered.frameCount} frames`)
    t.same(await contentsOf(copy), [...valuesOf(0, 3), 'value 5'], `cut ${cutBytes} bytes`)
  }
})

t.test('a whole frame that was written but never answered is kept and counts as synced from then on', async t => {
  const dir = t.testdir()
  run(dir, [framesOf(0, 0, syncWord)])
  writeFileSync(join(dir, first), Buffer.concat([readFileSync(join(dir, first)), framesOf(1, 1, syncWord)]))
  const disk = breakableFolder(dir)
  t.equal(recover(disk.folder, quiet).truncatedBytes, 0)
  t.ok(disk.calls.some(([operation, name]) => operation === 'sync' && name === first))
  t.same(await contentsOf(dir), ['value 0', 'value 1'])
})

t.test('a tail of zeros or garbage is cut off', async t => {
  for (const [name, tail] of [['zeros', Buffer.alloc(5_000)], ['noise', Buffer.from('SLUICEJ\n'.repeat(99))]] as const) {
    const dir = join(t.testdir(), name)
    run(dir, [framesOf(0, 3, syncWord)])
    writeFileSync(join(dir, first), Buffer.concat([readFileSync(join(dir, first)), tail]))
    t.equal(run(dir, []).truncatedBytes, tail.length)
    t.same(await contentsOf(dir), valuesOf(0, 3))
  }
})

t.test('an acknowledged last frame that is damaged is quarantined, not taken for a torn write', async t => {
  const dir = t.testdir()
  run(dir, [framesOf(0, 3, syncWord)])
  const bytesBefore = readFileSync(join(dir, first)).length
  flip(join(dir, first), bytesBefore * 8 - 1)
  const recovered = run(dir, [framesOf(4, 4, syncWord)])
  t.equal(recovered.quarantinedCount, 1)
  t.equal(recovered.truncatedBytes, 0)
  t.equal(readFileSync(join(dir, first)).length, bytesBefore, 'the bytes stay where they are')
  const copy = readdirSync(dir).find(name => name.endsWith('.quarantine')) ?? ''
  t.equal(readFileSync(join(dir, copy)).length, framesOf(3, 3, syncWord).length)
  t.same(await contentsOf(dir), [...valuesOf(0, 2), 'damage', 'value 4'])
})

t.test('flipped bits anywhere never give a wrong event, and cost no event before them', async t => {
  const dir = t.testdir()
  const original = join(dir, 'original')
  run(original, Array.from({ length: 8 }, (_, index) => framesOf(index * 4, index * 4 + 3, syncWord)))
  const bits = readFileSync(join(original, first)).length * 8
  const ends = valuesOf(0, 31).map((_, index) => headerBytes + framesOf(0, index, syncWord).length)
  const good = new Set(valuesOf(0, 31))
  let round = 0
  const scenario = fc.asyncProperty(
    fc.uniqueArray(fc.nat(bits - 1), { minLength: 1, maxLength: 4 }), fc.boolean(), async (flips, restart) => {
      const copy = join(dir, String(round++))
      mkdirSync(copy)
      for (const name of readdirSync(original)) copyFileSync(join(original, name), join(copy, name))
      for (const bit of flips) flip(join(copy, first), bit)
      // A flip in the format's number must refuse to start; the tests below hold what that says.
      if (flips.some(bit => bit >= 64 && bit < 96)) return true
      const recovered = restart ? run(copy, []) : undefined
      const found = await contentsOf(copy)
      const events = found.filter(item => item !== 'damage')
      const intactCount = ends.filter(end => end * 8 <= Math.min(...flips)).length
      const headerHit = flips.some(bit => bit < headerBytes * 8)
      // With the sync word gone from both its places nothing can be read, and that is told.
      const wordLost = flips.some(bit => bit >= 320 && bit < 352) &&
        flips.some(bit => bit >= headerBytes * 8 && bit < headerBytes * 8 + 32)
      const told = found.includes('damage') || headerHit
      return events.every(value => good.has(value)) && new Set(events).size === events.length && told &&
        (recovered === undefined || recovered.quarantinedCount > 0) &&
        (wordLost || events.length >= 32 - flips.length) &&
        (headerHit || valuesOf(0, intactCount - 1).every((value, index) => found[index] === value))
    }
  )
  await t.resolves(fc.assert(scenario, { numRuns: 150 }))
})

t.test('data that imitates frames is not taken for events when the frame around it is damaged', async t => {
  const dir = t.testdir()
  // The attacker knows the format, and even sends every frame of a journal of his own, but not this run's sync word.
  run(dir, [framesOf(0, 0, syncWord)])
  const forged = framesOf(90, 95, 0x0badf00d)
  const folder = openFolder(dir)
  const file = folder.open(first)
  folder.write(file, [Buffer.from('damage'), forged, framesOf(1, 1, syncWord)], folder.bytesOf(file))
  folder.close(file)
  t.equal(recover(folder, quiet).quarantinedCount, 1)
  t.same(await contentsOf(dir), ['value 0', 'damage', 'value 1'])
})

t.test('a segment with a damaged header still gives its events', async t => {
  const dir = t.testdir()
  run(dir, [framesOf(0, 3, syncWord)])
  flip(join(dir, first), 3)
  t.equal(run(dir, [framesOf(4, 4, syncWord)]).quarantinedCount, 1)
  t.same((await contentsOf(dir)).filter(item => item !== 'damage'), valuesOf(0, 4))
})

t.test('damage in an older segment shows to whoever reads it', async t => {
  const dir = t.testdir()
  const group = framesOf(0, 3, syncWord)
  run(dir, [group, group, group], headerBytes + group.length)
  flip(join(dir, first), (headerBytes + group.length / 2) * 8)
  t.same((await contentsOf(dir)).filter(item => item === 'damage'), ['damage'])
})

t.test('what an earlier start has quarantined is still told at the next ones, until someone removes the copy', async t => {
  const dir = t.testdir()
  run(dir, [framesOf(0, 3, syncWord)])
  flip(join(dir, first), (headerBytes + 40) * 8)
  t.equal(run(dir, [framesOf(4, 4, syncWord)]).quarantinedCount, 1)
  t.equal(run(dir, [framesOf(5, 5, syncWord)]).quarantinedCount, 1)
  for (const name of readdirSync(dir)) if (name.endsWith('.quarantine')) unlinkSync(join(dir, name))
  t.equal(run(dir, []).quarantinedCount, 0)
})

t.test('a missing segment in the middle or at the end is told, one moved away at the beginning is not', async t => {
  const group = framesOf(0, 3, syncWord)
  for (const [gone, missingCount] of [[1, 0], [2, 1], [3, 1]] as const) {
    const dir = join(t.testdir(), String(gone))
    run(dir, [group, group, group], headerBytes + group.length)
    unlinkSync(join(dir, `000000000${gone}.log`))
    const lines: unknown[] = []
    const log: Log = { ...quiet, error: (fields, text) => lines.push([fields.first, text]) }
    t.equal(recover(openFolder(dir), log).missingCount, missingCount)
    t.same(lines, missingCount === 0 ? [] : [[`000000000${gone}.log`, 'segments of the journal are missing']])
    t.equal(run(dir, [group]).nextSegment, 4, 'no number is given out twice')
    t.equal((await contentsOf(dir)).includes('missing'), missingCount > 0)
  }
})

t.test('a segment that was cut short is told, whether it is the last one or not', async t => {
  const group = framesOf(0, 3, syncWord)
  for (const name of [first, second]) {
    const dir = join(t.testdir(), name)
    run(dir, [group, group], headerBytes + group.length)
    truncateSync(join(dir, name), headerBytes + framesOf(0, 1, syncWord).length)
    t.equal(recover(openFolder(dir), quiet).quarantinedCount, 1)
  }
})

t.test('a segment of a later format keeps the gateway from starting and says what to do', async t => {
  const dir = t.testdir()
  run(dir, [framesOf(0, 3, syncWord)])
  const bytes = readFileSync(join(dir, first))
  bytes.writeUInt32BE(2, 8)
  writeFileSync(join(dir, first), bytes)
  t.throws(() => recover(openFolder(dir), quiet), {
    code: 'journal-format-unknown', message: /0000000001\.log in .* has format 2/, hint: /journal\.dir/
  })
})

t.test('a file that is not the journal\'s is named in a warning and left alone', async t => {
  const dir = t.testdir({ 'notes.txt': 'mine', '7.log': 'also mine' })
  const warned: unknown[] = []
  recover(openFolder(dir), { ...quiet, warn: fields => warned.push(fields.file) })
  t.same(warned.sort(), ['7.log', 'notes.txt'])
  t.same(readdirSync(dir).sort(), ['7.log', 'notes.txt'])
})

t.test('a segment that is no segment at all is quarantined whole', async t => {
  const dir = t.testdir({ [first]: 'x'.repeat(1_000) })
  t.equal(run(dir, [framesOf(0, 0, syncWord)]).quarantinedCount, 1)
  t.equal(readFileSync(join(dir, `${first}.0.quarantine`)).length, 1_000)
  t.same(await contentsOf(dir), ['damage', 'value 0'])
})

t.test('starts that write nothing leave no files behind', async t => {
  const dir = t.testdir()
  for (let round = 0; round < 3; round++) run(dir, [])
  renameSync(join(dir, 'committed'), join(dir, 'committed.old'))
  writeFileSync(join(dir, first), '')
  t.equal(run(dir, []).nextSegment, 1)
  t.notOk(readdirSync(dir).includes(first))
})

t.test('a folder that cannot be read is an error with a hint', async t => {
  const disk = breakableFolder(t.testdir())
  disk.fault = operation => operation === 'list' ? 'EIO' : undefined
  t.throws(() => recover(disk.folder, quiet), { code: 'journal-unreadable', message: /EIO/, hint: /disk/ })
})
