// Jars that Maven fetches once into the cache of the user, and Java programs of tests that run with them.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const FETCH_MS = 300_000
const PROBE_MS = 10_000

const run = promisify(execFile)

/** Fills the folder `lib` with the jars that the Maven project names. */
export async function fetchJars (pom: string, lib: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const home = dirname(lib)
  await mkdir(home, { recursive: true })
  // Several processes may fetch at the same time: each fills a folder of its own, and the first rename wins.
  const folder = await mkdtemp(join(home, 'fetch-'))
  try {
    const path = join(folder, 'pom.xml')
    const fetched = join(folder, 'lib')
    await writeFile(path, pom)
    await run('mvn', ['-q', '-B', '-f', path, 'dependency:copy-dependencies', `-DoutputDirectory=${fetched}`],
      { env, timeout: FETCH_MS, maxBuffer: 16 * 1024 * 1024 })
    try {
      await rename(fetched, lib)
    } catch (error) {
      if (!existsSync(lib)) throw error
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** The class path of the jars, or why there is none: for the `skip` option of a test. */
export type FoundJars =
  { readonly classPath: string, readonly skip: false } | { readonly classPath: '', readonly skip: string }

/**
 * The jars, as `group:artifact:version`, with all that they need. Needs a JDK, and Maven for the first time; without
 * them throws where `CI` is set.
 */
export async function findJars (coordinates: readonly string[]): Promise<FoundJars> {
  const { XDG_CACHE_HOME: cache = '' } = process.env
  const name = coordinates.map(one => one.split(':').slice(1).join('-')).join('-')
  const lib = join(cache === '' ? join(homedir(), '.cache') : cache, 'sluice', name, 'lib')
  try {
    await run('javac', ['-version'], { timeout: PROBE_MS })
    if (!existsSync(lib)) {
      await fetchJars([
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
        `<groupId>sluice</groupId><artifactId>${name}</artifactId><version>1</version><packaging>pom</packaging>`,
        `<dependencies>${coordinates.map(dependency).join('')}</dependencies></project>`, ''
      ].join('\n'), lib)
    }
    return { classPath: join(lib, '*'), skip: false }
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : String(error)
    const line = `JAVA TESTS DID NOT RUN (${coordinates.join(', ')}): ${reason}`
    if ((process.env.CI ?? '') !== '') throw new Error(line, { cause: error })
    process.stderr.write(`\n!!! ${line}\n`)
    return { classPath: '', skip: line }
  }
}

function dependency (coordinates: string): string {
  const [group = '', artifact = '', version = ''] = coordinates.split(':')
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>`
    + `<version>${version}</version></dependency>`
}
