// Tests of the proto files: formatted, linted, compatible with what is published, and the source of the generated code.

import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { baseline, buf, generate } from '../../test/support/generate-proto.ts'

const root = join(import.meta.dirname, '../..')
const generated = 'protocols/grpc/generated'

function filesUnder (folder: string): Map<string, string> {
  const paths = globSync('**/*.ts', { cwd: folder }).sort()
  return new Map(paths.map(path => [path, readFileSync(join(folder, path), 'utf8')]))
}

t.test('the proto files are formatted and keep the rules', async t => {
  t.doesNotThrow(() => buf('lint'))
  t.equal(buf('format', '--diff', '--path', 'proto/sluice').toString(), '')
})

t.test('nothing breaks those who read what has been published', async t => {
  t.doesNotThrow(() => buf('breaking', '--against', baseline))
})

t.test('a change that breaks readers is found', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-proto-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  cpSync(join(root, 'proto'), join(folder, 'proto'), { recursive: true })
  cpSync(join(root, 'buf.yaml'), join(folder, 'buf.yaml'))
  const path = join(folder, 'proto/sluice/v1/ingest.proto')
  const text = readFileSync(path, 'utf8')
  const changed = text.replace('string subject = 5;', 'string subject = 15;')
  t.not(changed, text)
  writeFileSync(path, changed)
  t.throws(() => buf('breaking', folder, '--against', baseline))
})

t.test('the generated code is what the proto files give', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-proto-'))
  t.teardown(() => { rmSync(folder, { recursive: true }) })
  generate(folder)
  t.same(filesUnder(join(root, generated)), filesUnder(join(folder, generated)), 'else: npm run proto')
})
