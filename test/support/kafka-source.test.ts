// Checks the order in which a test run looks for Kafka, with stand-ins for docker, java and mvn on the PATH.
import { chmodSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { findKafka, jarsDirectory, jarsPom } from './kafka-source.ts'
import type { KafkaSource } from './kafka-source.ts'
import type { KafkaVersion } from './kafka-versions.ts'

const JAVA_17 = '#!/bin/sh\necho \'openjdk version "17.0.15" 2025-04-15\' >&2\n'
const JAVA_11 = '#!/bin/sh\necho \'openjdk version "11.0.2" 2019-01-15\' >&2\n'
const DOCKER = '#!/bin/sh\n[ "$1" = version ] && echo 28.2.2\n'
const DOCKER_WITHOUT_ENGINE = '#!/bin/sh\necho "Cannot connect to the Docker daemon" >&2\nexit 1\n'
// Leaves what it was asked for in a file, and makes one jar.
const MAVEN = `#!/bin/sh
for word in "$@"; do case "$word" in -DoutputDirectory=*) /bin/mkdir -p "\${word#*=}"; : > "\${word#*=}/kafka.jar";; esac; done
[ "$1" = -v ] || echo "$@" >> "$XDG_CACHE_HOME/asked"
`
const MAVEN_FAILING = '#!/bin/sh\n[ "$1" = -v ] && exit 0\necho "cannot resolve" >&2\nexit 1\n'

interface Machine {
  readonly env: NodeJS.ProcessEnv
  readonly find: (version?: KafkaVersion) => Promise<KafkaSource>
}

function machine(t: Test, programs: Readonly<Record<string, string>>, more: NodeJS.ProcessEnv = {}): Machine {
  const home = t.testdir({ bin: { ...programs }, cache: {} })
  for (const name of Object.keys(programs)) chmodSync(join(home, 'bin', name), 0o755)
  const env = { PATH: join(home, 'bin'), XDG_CACHE_HOME: join(home, 'cache'), ...more }
  return { env, find: (version) => findKafka(env, version) }
}

t.test('KAFKA_BROKERS wins over everything', async (t) => {
  const { find } = machine(t, { docker: DOCKER, java: JAVA_17, mvn: MAVEN }, { KAFKA_BROKERS: 'a:1, b:2,' })
  t.same(await find(), { kind: 'external', brokers: ['a:1', 'b:2'] })
})

t.test('Docker is taken when its engine answers', async (t) => {
  const { find } = machine(t, { docker: DOCKER, java: JAVA_17, mvn: MAVEN })
  t.same(await find(), { kind: 'docker', image: 'apache/kafka:4.3.1' })
})

t.test('a release without an image comes from Java even where Docker answers, into a folder of its own', async (t) => {
  const { env, find } = machine(t, { docker: DOCKER, java: JAVA_17, mvn: MAVEN })
  const lib = jarsDirectory(env, '3.3.2')
  t.not(lib, jarsDirectory(env))
  t.same(await find('3.3.2'), { kind: 'java', lib })
  t.equal(existsSync(jarsDirectory(env)), false, 'the other release is not fetched with it')
  const bare = await machine(t, { docker: DOCKER }).find('3.3.2')
  t.same(bare, {
    kind: 'none', reason: 'KAFKA_BROKERS is not set, there is no image of Kafka 3.3.2, and no java on the PATH'
  })
})

t.test('a docker program without an engine leaves it to Java, and Maven fetches once', async (t) => {
  const { env, find } = machine(t, { docker: DOCKER_WITHOUT_ENGINE, java: JAVA_17, mvn: MAVEN })
  const lib = jarsDirectory(env)
  t.same(await find(), { kind: 'java', lib })
  t.same(await find(), { kind: 'java', lib })
  t.same(readdirSync(lib), ['kafka.jar'])
  t.same(readdirSync(join(lib, '..')), ['lib'], 'nothing half done stays')
  t.equal(readFileSync(join(env.XDG_CACHE_HOME ?? '', 'asked'), 'utf8').trim().split('\n').length, 1)
})

t.test('several processes that fetch at the same time end with one folder', async (t) => {
  const { env, find } = machine(t, { java: JAVA_17, mvn: MAVEN })
  const found = await Promise.all([find(), find(), find()])
  t.same(found.map(({ kind }) => kind), ['java', 'java', 'java'])
  t.same(readdirSync(join(jarsDirectory(env), '..')), ['lib'])
})

t.test('with none of them the reason names what is missing', async (t) => {
  const reasonOf = async (programs: Readonly<Record<string, string>>): Promise<string> => {
    const { env, find } = machine(t, programs)
    const found = await find()
    t.equal(existsSync(jarsDirectory(env)), false, 'no folder pretends to hold jars')
    return found.kind === 'none' ? found.reason : found.kind
  }
  t.equal(await reasonOf({}), 'KAFKA_BROKERS is not set, no Docker engine answers, and no java on the PATH')
  t.match(await reasonOf({ java: JAVA_11, mvn: MAVEN }), /java is release 11, Kafka .* needs 17/)
  t.match(await reasonOf({ java: JAVA_17 }), /no Kafka jars in .* and no mvn/)
  t.match(await reasonOf({ java: JAVA_17, mvn: MAVEN_FAILING }), /Maven could not fetch.*cannot resolve/s)
})

t.test('the Maven project names artifacts and no place to get them from', async (t) => {
  t.match(jarsPom(), /<artifactId>kafka_2\.13<\/artifactId><version>4\.3\.1</)
  t.match(jarsPom('3.3.2'), /<artifactId>kafka_2\.13<\/artifactId><version>3\.3\.2</)
  t.notMatch(jarsPom('3.3.2'), /4\.3\.1/)
  for (const pom of [jarsPom(), jarsPom('3.3.2')]) t.notMatch(pom, /repositor|https:/i)
})
