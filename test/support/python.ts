// Packages of Python for tests, unmodified, in a virtual environment of their own that is made once per user.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const fetchTimeoutMs = 400_000

/** A Python that has the packages, or why there is none: for the `skip` option of a test. */
export type FoundPython = { readonly program: string, readonly skip: false } | { readonly program: '', readonly skip: string }

/** Makes it where it is not there yet. Needs Python 3 with venv and pip; without them throws where `CI` is set. */
export async function findPython (packages: readonly string[]): Promise<FoundPython> {
  const { XDG_CACHE_HOME: cache = '' } = process.env
  const name = `python-${packages.join('-').replaceAll(/[^a-z0-9.]+/g, '-')}`
  const folder = join(cache === '' ? join(homedir(), '.cache') : cache, 'sluice', name)
  const program = join(folder, 'bin/python')
  // Only what is complete is found again.
  const ready = join(folder, 'ready')
  try {
    if (!existsSync(ready)) {
      await run('python3', ['-m', 'venv', '--clear', folder], { timeout: fetchTimeoutMs })
      await run(program, ['-m', 'pip', 'install', '--quiet', ...packages], { timeout: fetchTimeoutMs })
      await writeFile(ready, '')
    }
    return { program, skip: false }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    const line = `PYTHON TESTS DID NOT RUN (${packages.join(', ')}): ${reason}`
    if ((process.env.CI ?? '') !== '') throw new Error(line, { cause: error })
    process.stderr.write(`\n!!! ${line}\n`)
    return { program: '', skip: line }
  }
}
