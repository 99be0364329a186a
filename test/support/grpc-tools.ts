// Clients of gRPC that others have written, fetched once into the cache of the user: Python's grpcio, and grpcurl.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPython } from './python.ts'

const run = promisify(execFile)
const fetchTimeoutMs = 400_000
const grpcurlVersion = 'v1.9.4'
const pythonPackages = ['grpcio==1.85.3', 'grpcio-reflection==1.85.1', 'grpcio-status==1.85.3', 'grpcio-tools==1.85.1']

function cacheFolder (): string {
  const { XDG_CACHE_HOME: cache = '' } = process.env
  return join(cache === '' ? join(homedir(), '.cache') : cache, 'sluice')
}

/** A program, or why there is none: for the `skip` option of a test, said loudly. Throws where `CI` is set. */
export type Tool = { readonly program: string, readonly skip: false } | { readonly program: '', readonly skip: string }

/** Fetches a program that is not there yet. */
async function fetched (name: string, program: string, fetch: () => Promise<void>): Promise<Tool> {
  try {
    if (!existsSync(program)) await fetch()
    return { program, skip: false }
  } catch (error) {
    const line = `${name} TESTS DID NOT RUN: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`
    if ((process.env.CI ?? '') !== '') throw new Error(line, { cause: error })
    process.stderr.write(`\n!!! ${line}\n`)
    return { program: '', skip: line }
  }
}

/** Needs Go. */
export function findGrpcurl (): Promise<Tool> {
  const folder = join(cacheFolder(), `grpcurl-${grpcurlVersion}`)
  const program = join(folder, 'grpcurl')
  return fetched('GRPCURL', program, async () => {
    await mkdir(folder, { recursive: true })
    await run('go', ['install', `github.com/fullstorydev/grpcurl/cmd/grpcurl@${grpcurlVersion}`], {
      env: { ...process.env, GOBIN: folder }, timeout: fetchTimeoutMs
    })
  })
}

/** A Python that has grpcio. Needs Python 3 with venv. */
export function findGrpcPython (): Promise<Tool> {
  return findPython(pythonPackages)
}

/** What a program says, and its exit code. Both outputs count as one. */
export async function say (program: string, args: readonly string[], stdin = ''): Promise<{ code: number, text: string }> {
  const ran = run(program, [...args], { timeout: 60_000 })
  ran.child.stdin?.end(stdin)
  try {
    const { stdout, stderr } = await ran
    return { code: 0, text: stdout + stderr }
  } catch (error) {
    const { code = -1, stdout = '', stderr = '' } = error as { code?: number, stdout?: string, stderr?: string }
    return { code, text: stdout + stderr }
  }
}
