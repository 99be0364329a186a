// Decides where a test run gets Apache Kafka from: KAFKA_BROKERS, Docker, or Java with jars that Maven fetches once.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export const KAFKA_VERSION = '4.3.1'
const LOG4J_VERSION = '2.25.3'
const JAVA_RELEASE_MIN = 17
const PROBE_MS = 5_000
const FETCH_MS = 300_000

const run = promisify(execFile)

export type KafkaSource =
  | { readonly kind: 'external', readonly brokers: readonly string[] }
  | { readonly kind: 'docker', readonly image: string }
  | { readonly kind: 'java', readonly lib: string }
  | { readonly kind: 'none', readonly reason: string }

/** The folder of the jars. Outside the checkout, so that a fresh clone does not fetch them again. */
export function jarsDirectory(env: NodeJS.ProcessEnv = process.env): string {
  const cache = env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== ''
    ? env.XDG_CACHE_HOME
    : join(homedir(), '.cache')
  return join(cache, 'sluice', `kafka-${KAFKA_VERSION}`, 'lib')
}

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>`
    + `<version>${version}</version></dependency>`
}

/** The Maven project that names the jars. Kafka's own poms leave its logging out, so log4j is named here. */
export function jarsPom(): string {
  const logging = ['log4j-core', 'log4j-slf4j-impl', 'log4j-1.2-api']
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>sluice</groupId><artifactId>kafka-rig</artifactId><version>1</version><packaging>pom</packaging>',
    '<dependencies>',
    dependency('org.apache.kafka', 'kafka_2.13', KAFKA_VERSION),
    dependency('org.apache.kafka', 'kafka-tools', KAFKA_VERSION),
    ...logging.map((artifact) => dependency('org.apache.logging.log4j', artifact, LOG4J_VERSION)),
    '</dependencies></project>',
    ''
  ].join('\n')
}

async function answers(
  env: NodeJS.ProcessEnv, command: string, args: readonly string[]
): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await run(command, [...args], { env, timeout: PROBE_MS })
    return `${stdout}${stderr}`
  } catch {
    return undefined
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function fetchJars(env: NodeJS.ProcessEnv, lib: string): Promise<void> {
  const home = join(lib, '..')
  await mkdir(home, { recursive: true })
  // Several processes may fetch at the same time: each fills a folder of its own, and the first rename wins.
  const folder = await mkdtemp(join(home, 'fetch-'))
  try {
    const pom = join(folder, 'pom.xml')
    const fetched = join(folder, 'lib')
    await writeFile(pom, jarsPom())
    await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${fetched}`],
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

async function javaSource(env: NodeJS.ProcessEnv): Promise<KafkaSource> {
  const banner = await answers(env, 'java', ['-version'])
  if (banner === undefined) return { kind: 'none', reason: 'no java on the PATH' }
  const release = Number(/version "(\d+)/.exec(banner)?.[1] ?? 0)
  if (release < JAVA_RELEASE_MIN) {
    return { kind: 'none', reason: `java is release ${release}, Kafka ${KAFKA_VERSION} needs ${JAVA_RELEASE_MIN}` }
  }
  const lib = jarsDirectory(env)
  if (existsSync(lib)) return { kind: 'java', lib }
  if (await answers(env, 'mvn', ['-v']) === undefined) {
    return { kind: 'none', reason: `no Kafka jars in ${lib} and no mvn on the PATH to fetch them` }
  }
  try {
    await fetchJars(env, lib)
  } catch (error) {
    return { kind: 'none', reason: `Maven could not fetch the Kafka jars: ${messageOf(error).slice(0, 2_000)}` }
  }
  return { kind: 'java', lib }
}

/** Finds where Kafka comes from. May take a minute once, when Maven fetches; never throws. */
export async function findKafka(env: NodeJS.ProcessEnv = process.env): Promise<KafkaSource> {
  const external = (env.KAFKA_BROKERS ?? '').split(',').map((broker) => broker.trim()).filter((broker) => broker !== '')
  if (external.length > 0) return { kind: 'external', brokers: external }
  // `docker version` asks the engine; `docker --version` would only ask the client program.
  if (await answers(env, 'docker', ['version', '--format', '{{.Server.Version}}']) !== undefined) {
    return { kind: 'docker', image: `apache/kafka:${KAFKA_VERSION}` }
  }
  const java = await javaSource(env)
  if (java.kind !== 'none') return java
  return { kind: 'none', reason: `KAFKA_BROKERS is not set, no Docker engine answers, and ${java.reason}` }
}
