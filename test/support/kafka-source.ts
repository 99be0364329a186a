// Decides where a test run gets Apache Kafka from: KAFKA_BROKERS, Docker, or Java with jars that Maven fetches once.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KAFKA_VERSION, kafkaReleases } from './kafka-versions.ts'
import type { KafkaVersion } from './kafka-versions.ts'
import { fetchJars } from './maven-jars.ts'

const LOG4J_VERSION = '2.25.3'
const JAVA_RELEASE_MIN = 17
const PROBE_MS = 5_000

const run = promisify(execFile)

export type KafkaSource =
  | { readonly kind: 'external', readonly brokers: readonly string[] }
  | { readonly kind: 'docker', readonly image: string }
  | { readonly kind: 'java', readonly lib: string }
  | { readonly kind: 'none', readonly reason: string }

/** The folder of the jars. Outside the checkout, so that a fresh clone does not fetch them again. */
export function jarsDirectory(env: NodeJS.ProcessEnv = process.env, version: KafkaVersion = KAFKA_VERSION): string {
  const cache = env.XDG_CACHE_HOME !== undefined && env.XDG_CACHE_HOME !== ''
    ? env.XDG_CACHE_HOME
    : join(homedir(), '.cache')
  return join(cache, 'sluice', `kafka-${version}`, 'lib')
}

// Old releases bring a log4j of their own, whose classes would hide those of the one that the rig configures.
const OTHER_LOGGING = [['ch.qos.reload4j', 'reload4j'], ['org.slf4j', 'slf4j-reload4j']]
  .map(([group, artifact]) => `<exclusion><groupId>${group}</groupId><artifactId>${artifact}</artifactId></exclusion>`)
  .join('')

function dependency(group: string, artifact: string, version: string): string {
  return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId>`
    + `<version>${version}</version><exclusions>${OTHER_LOGGING}</exclusions></dependency>`
}

/** The Maven project that names the jars. Kafka's own poms leave its logging out, so log4j is named here. */
export function jarsPom(version: KafkaVersion = KAFKA_VERSION): string {
  const logging = ['log4j-core', 'log4j-slf4j-impl', 'log4j-1.2-api']
  return [
    '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>',
    '<groupId>sluice</groupId><artifactId>kafka-rig</artifactId><version>1</version><packaging>pom</packaging>',
    '<dependencies>',
    dependency('org.apache.kafka', 'kafka_2.13', version),
    dependency('org.apache.kafka', 'kafka-tools', version),
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

async function javaSource(env: NodeJS.ProcessEnv, version: KafkaVersion): Promise<KafkaSource> {
  const banner = await answers(env, 'java', ['-version'])
  if (banner === undefined) return { kind: 'none', reason: 'no java on the PATH' }
  const release = Number(/version "(\d+)/.exec(banner)?.[1] ?? 0)
  if (release < JAVA_RELEASE_MIN) {
    return { kind: 'none', reason: `java is release ${release}, Kafka ${version} needs ${JAVA_RELEASE_MIN}` }
  }
  const lib = jarsDirectory(env, version)
  if (existsSync(lib)) return { kind: 'java', lib }
  if (await answers(env, 'mvn', ['-v']) === undefined) {
    return { kind: 'none', reason: `no Kafka jars in ${lib} and no mvn on the PATH to fetch them` }
  }
  try {
    await fetchJars(jarsPom(version), lib, env)
  } catch (error) {
    return { kind: 'none', reason: `Maven could not fetch the Kafka jars: ${messageOf(error).slice(0, 2_000)}` }
  }
  return { kind: 'java', lib }
}

/** Finds where Kafka comes from. May take a minute once, when Maven fetches; never throws. */
export async function findKafka(
  env: NodeJS.ProcessEnv = process.env, version: KafkaVersion = KAFKA_VERSION
): Promise<KafkaSource> {
  const external = (env.KAFKA_BROKERS ?? '').split(',').map((broker) => broker.trim()).filter((broker) => broker !== '')
  if (external.length > 0) return { kind: 'external', brokers: external }
  const { image } = kafkaReleases[version]
  // `docker version` asks the engine; `docker --version` would only ask the client program.
  if (image !== undefined) {
    const engine = await answers(env, 'docker', ['version', '--format', '{{.Server.Version}}'])
    if (engine !== undefined) return { kind: 'docker', image }
  }
  const java = await javaSource(env, version)
  if (java.kind !== 'none') return java
  const docker = image === undefined ? `there is no image of Kafka ${version}` : 'no Docker engine answers'
  return { kind: 'none', reason: `KAFKA_BROKERS is not set, ${docker}, and ${java.reason}` }
}
