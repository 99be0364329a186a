// A real browser for tests: the Chromium of the system, headless, driven by playwright-core, which brings none itself.

import { spawnSync } from 'node:child_process'
import { chromium } from 'playwright-core'
import type { Browser } from 'playwright-core'

const programs = ['chromium', 'chromium-browser', 'google-chrome']
const startTimeoutMs = 90_000

function findProgram (): string | undefined {
  const found = programs.map(name => spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim())
  return found.find(path => path !== '')
}

/**
 * For the `skip` option of a test that needs a browser: false when there is one, else why not, said loudly on stderr.
 * Throws where `CI` is set.
 */
export function skipWithoutChromium (): string | false {
  if (findProgram() !== undefined) return false
  const line = `BROWSER TESTS DID NOT RUN: none of ${programs.join(', ')} is installed (Debian: apt-get install chromium)`
  if ((process.env.CI ?? '') !== '') throw new Error(line)
  process.stderr.write(`\n!!! ${line}\n`)
  return line
}

/** Its own sandbox is off: it does not work for root or in containers, and only pages of the tests are shown. */
export function startChromium (): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram() ?? programs[0] ?? '', timeout: startTimeoutMs,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run', '--disable-background-networking']
  })
}
