// The file operations of the journal on a real disk, and whole writes on one that takes little at a time.

import { existsSync, readFileSync, statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { breakableFolder } from '../../test/support/journal.ts'
import { makeFolder, openFolder } from './folder.ts'
import { bytesOf, writeAll } from './write-all.ts'

t.test('a folder is made with everything above it, once', async t => {
  const dir = join(t.testdir(), 'a', 'b', 'c')
  makeFolder(dir)
  makeFolder(dir)
  t.ok(existsSync(dir))
  t.equal(statSync(dir).mode & 0o007, 0, 'others may not look into it')
})

t.test('files are written where they are told to, listed by name, and known to be gone', async t => {
  const dir = t.testdir({ b: 'bb', folder: {} })
  const folder = openFolder(dir)
  const file = folder.create('a')
  t.throws(() => folder.create('a'), { code: 'EEXIST' })
  t.equal(folder.write(file, [Buffer.from('one'), Buffer.from('two')], 0), 6)
  t.equal(folder.write(file, [Buffer.from('X')], 1), 1)
  folder.sync(file)
  folder.syncNames()
  t.same(folder.list(), [{ name: 'a', bytes: 6 }, { name: 'b', bytes: 2 }])
  folder.truncate(file, 4)
  t.equal(folder.bytesOf(file), 4)
  t.equal(readFileSync(join(dir, 'a'), 'latin1'), 'oXet')
  t.ok(folder.named(file))
  unlinkSync(join(dir, 'a'))
  t.notOk(folder.named(file))
  folder.close(file)
  t.ok(folder.freeBytes() > 0)
})

t.test('a whole write goes on after every short one, and a disk that takes nothing is an error', async t => {
  const dir = t.testdir()
  const parts = [Buffer.from('abc'), Buffer.alloc(0), Buffer.from('defgh'), Buffer.from('i')]
  t.equal(bytesOf(parts), 9)
  for (let takenBytes = 1; takenBytes <= 9; takenBytes++) {
    const disk = breakableFolder(dir)
    disk.fault = operation => operation === 'write' ? takenBytes : undefined
    const file = disk.folder.open(`f${takenBytes}`)
    writeAll(disk.folder, file, parts, 2)
    disk.folder.close(file)
    t.equal(readFileSync(join(dir, `f${takenBytes}`), 'latin1'), '\0\0abcdefghi')
    t.equal(disk.calls.filter(([operation]) => operation === 'write').length, Math.ceil(9 / takenBytes))
  }
  const stuck = breakableFolder(dir)
  stuck.fault = operation => operation === 'write' ? 0 : undefined
  const file = stuck.folder.open('stuck')
  t.throws(() => writeAll(stuck.folder, file, parts, 0), { code: 'EIO' })
  stuck.folder.close(file)
})

t.test('a folder that cannot be made is an error at once', { skip: !existsSync('/proc/self') }, async t => {
  t.throws(() => makeFolder('/proc/nowhere/journal'), { code: 'ENOENT' })
  const dir = t.testdir({ file: '' })
  t.throws(() => makeFolder(join(dir, 'file', 'journal')), { code: 'EEXIST' })
})
