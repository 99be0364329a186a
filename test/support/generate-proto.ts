// Makes the TypeScript of the proto files with buf: what `npm run proto` writes and a test compares with what is there.

import { execFileSync } from 'node:child_process'
import { realpathSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { WireReader, bytesTag } from '../../protocols/grpc/wire-reader.ts'

const root = join(import.meta.dirname, '../..')
const generated = 'protocols/grpc/generated'
/** What the library of the health service comes with. */
const healthProto = realpathSync(join(root, 'node_modules/grpc-health-check/proto'))
/** An image of what has been published; what breaks its readers is found by comparing with it. */
export const baseline = 'proto/baseline.binpb'

/** Runs buf from the root of the project; throws with what it says. */
export function buf (...args: readonly string[]): Buffer {
  const bin = join(root, 'node_modules/.bin')
  return execFileSync(join(bin, 'buf'), args, {
    cwd: root, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 16 * 1_048_576,
    env: { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` }
  })
}

/** Writes types, serialisers and the descriptors of the files, under `base`. */
export function generate (base: string): void {
  buf('generate', '--output', base)
  const types = ['sluice.v1.Ingest', 'google.rpc.Status', 'google.rpc.ErrorInfo', 'google.rpc.RetryInfo']
  const sets = [described('proto', ...types.flatMap(type => ['--type', type])), described(healthProto)]
  const files = sets.flatMap(filesOf).map(file => `  '${file.toString('base64')}'`)
  const text = '// Code generated from the proto files by `npm run proto`. DO NOT EDIT.\n\n/* eslint-disable */\n' +
    '/** Each file as a google.protobuf.FileDescriptorProto, in base64. */\n' +
    `export const fileDescriptors: readonly string[] = [\n${files.join(',\n')}\n]\n`
  writeFileSync(join(base, generated, 'descriptors.ts'), text)
}

function described (input: string, ...options: readonly string[]): Buffer {
  return buf('build', input, ...options, '--exclude-source-info', '--as-file-descriptor-set', '--output', '-')
}

/** The files of a google.protobuf.FileDescriptorSet. */
function filesOf (set: Buffer): Buffer[] {
  const reader = new WireReader()
  reader.begin(set)
  const files: Buffer[] = []
  for (let tag = reader.tag(set.length); tag !== 0; tag = reader.tag(set.length)) {
    if (tag === bytesTag(1) && reader.span(set.length)) files.push(set.subarray(reader.start, reader.end))
    else reader.skip(tag, set.length)
  }
  return files
}

if (import.meta.main) {
  if (process.argv[2] === 'baseline') buf('build', '--exclude-source-info', '--output', baseline)
  else {
    buf('lint')
    generate(root)
  }
}
