// Lays a Kafka rig out before anything starts: folder, ports, certificates, properties and formatted data folders.
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeCertificates } from './certificates.ts'
import { archiveOptions } from './kafka-archive.ts'
import { claimPorts } from './kafka-ports.ts'
import type { PortBlock } from './kafka-ports.ts'
import { dockerLauncher, javaLauncher } from './kafka-process.ts'
import type { Launcher, Program } from './kafka-process.ts'
import { ADMIN_USER, LOG4J_PROPERTIES, pemKeystore, scramArguments, serverProperties } from './kafka-properties.ts'
import type { BrokerPorts, ClusterLayout, KafkaUser, NodeLayout } from './kafka-properties.ts'
import type { KafkaSource } from './kafka-source.ts'
import { KAFKA_VERSION, kafkaReleases } from './kafka-versions.ts'
import type { KafkaRelease, KafkaVersion } from './kafka-versions.ts'

const LOG_TAIL_BYTES = 2_500
const LOG_TROUBLES_MAX = 12
const LOG_LINE_LENGTH_MAX = 400
const DIRECTORY_PREFIX = 'sluice-kafka-'

/** The controller's node id in a rig of three; brokers are 1, 2 and 3. */
const CONTROLLER_ID = 100

export interface RigOptions {
  /** The newest unless told. Users of 3.3.2 log in by PLAIN only, and it comes from Java, never from Docker. */
  readonly version?: KafkaVersion
  /** Three brokers get a controller process of their own that nothing here kills. 1 unless told. */
  readonly brokers?: 1 | 3
  /** SASL users besides the admin. Each may log in by SCRAM-SHA-512, SCRAM-SHA-256 and PLAIN, and has no ACL yet. */
  readonly users?: readonly KafkaUser[]
  /** Properties for every node that win over the rig's own. */
  readonly config?: Readonly<Record<string, string>>
  /**
   * How long a killed or frozen broker counts as alive; also what a restart after a kill waits for. 3 s unless told:
   * longer is safer on a loaded machine, shorter makes faults quicker.
   */
  readonly brokerSessionMs?: number
}

/** What other processes need to use a rig. */
export interface KafkaAddresses {
  /** Plaintext addresses. Everybody is superuser there. */
  readonly brokers: readonly string[]
  readonly sslBrokers: readonly string[]
  readonly saslBrokers: readonly string[]
  /** PEM of the CA that signed the brokers' certificates; empty when there is none. */
  readonly caPath: string
  /** May do everything over SASL. */
  readonly admin: KafkaUser
  readonly users: readonly KafkaUser[]
}

export interface RigNode {
  readonly layout: NodeLayout
  readonly propertiesPath: string
  readonly logPath: string
  readonly pidPath: string
  /** Published when the node is the first to start in Docker. */
  readonly publishedPorts: readonly number[]
  program: Program | undefined
}

export interface RigState {
  readonly release: KafkaRelease
  readonly launcher: Launcher
  readonly directory: string
  readonly log4jPath: string
  readonly cluster: ClusterLayout
  readonly brokers: readonly RigNode[]
  readonly controller: RigNode | undefined
  readonly addresses: KafkaAddresses
  readonly ports: PortBlock
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Makes the rig's folder. Folders of test processes that died without removing theirs go first. */
async function rigDirectory(): Promise<string> {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(new RegExp(`^${DIRECTORY_PREFIX}(\\d+)-`).exec(name)?.[1] ?? 0)
    if (pid > 0 && !isAlive(pid)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
  return mkdtemp(join(tmpdir(), `${DIRECTORY_PREFIX}${process.pid}-`))
}

export function removeDirectory(directory: string): void {
  if (process.env.SLUICE_TEST_KEEP !== undefined) return
  rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

function launcherOf(source: KafkaSource, directory: string): Launcher {
  if (source.kind === 'java') return javaLauncher(source.lib, archiveOptions(source.lib))
  if (source.kind === 'docker') return dockerLauncher(source.image, directory)
  const why = source.kind === 'none' ? source.reason : 'KAFKA_BROKERS names a cluster that is not ours to start'
  throw new Error(`no Kafka rig can start: ${why}`)
}

function rigNode(directory: string, layout: NodeLayout, publishedPorts: readonly number[]): RigNode {
  const name = layout.ports === undefined ? 'controller' : `broker-${layout.nodeId}`
  mkdirSync(layout.dataDirectory, { recursive: true })
  return {
    layout,
    propertiesPath: join(directory, `${name}.properties`),
    logPath: join(directory, `${name}.log`),
    pidPath: join(directory, `${name}.pid`),
    publishedPorts,
    program: undefined
  }
}

function portAt(ports: readonly number[], index: number): number {
  const port = ports[index]
  if (port === undefined) throw new Error(`the rig's port block has no port ${index}`)
  return port
}

/** Names everything and writes the files; starts nothing. */
export async function layOut(source: KafkaSource, options: RigOptions): Promise<RigState> {
  const directory = await rigDirectory()
  const launcher = launcherOf(source, directory)
  const ports = await claimPorts()
  const certificates = await makeCertificates(join(directory, 'certificates'), { name: 'broker' })
  const keystorePath = join(directory, 'certificates', 'broker-keystore.pem')
  const [key, cert, ca] = await Promise.all(
    [certificates.keyPath, certificates.certPath, certificates.caPath].map((path) => readFile(path, 'utf8')))
  await writeFile(keystorePath, pemKeystore({ key: key ?? '', cert: cert ?? '', ca: ca ?? '' }), { mode: 0o600 })
  const log4jPath = join(directory, 'log4j2.properties')
  await writeFile(log4jPath, LOG4J_PROPERTIES)

  const brokerCount = options.brokers ?? 1
  const release = kafkaReleases[options.version ?? KAFKA_VERSION]
  const cluster: ClusterLayout = {
    brokerCount,
    controllerId: brokerCount === 1 ? 1 : CONTROLLER_ID,
    controllerPort: portAt(ports.ports, 0),
    bindAddress: launcher.bindAddress,
    keystorePath,
    users: options.users ?? [],
    brokerSessionMs: options.brokerSessionMs ?? 3_000,
    scram: release.scram,
    config: options.config ?? {}
  }
  const brokerPorts: BrokerPorts[] = Array.from({ length: brokerCount }, (_, index) => ({
    plaintext: portAt(ports.ports, 1 + 3 * index),
    ssl: portAt(ports.ports, 2 + 3 * index),
    sasl: portAt(ports.ports, 3 + 3 * index)
  }))
  const published = ports.ports.slice(0, 1 + 3 * brokerCount)
  const brokers = brokerPorts.map((each, index) => rigNode(directory, {
    nodeId: index + 1,
    dataDirectory: join(directory, `broker-${index + 1}-data`),
    isController: brokerCount === 1,
    ports: each
  }, brokerCount === 1 ? published : []))
  const controller = brokerCount === 1 ? undefined : rigNode(directory, {
    nodeId: CONTROLLER_ID, dataDirectory: join(directory, 'controller-data'), isController: true
  }, published)
  for (const node of [...brokers, ...(controller === undefined ? [] : [controller])]) {
    await writeFile(node.propertiesPath, serverProperties(cluster, node.layout))
  }
  return {
    release, launcher, directory, log4jPath, cluster, brokers, controller, ports,
    addresses: {
      brokers: brokerPorts.map((each) => `127.0.0.1:${each.plaintext}`),
      sslBrokers: brokerPorts.map((each) => `127.0.0.1:${each.ssl}`),
      saslBrokers: brokerPorts.map((each) => `127.0.0.1:${each.sasl}`),
      caPath: certificates.caPath,
      admin: ADMIN_USER,
      users: cluster.users
    }
  }
}

/**
 * Formats the data folders. Kafka's tool does it for the node with the controller, which also gets the users; the
 * brokers of a cluster get the same two files with ids of their own, since one run of the tool costs a second.
 */
export async function format(state: RigState): Promise<void> {
  const first = state.controller ?? state.brokers[0]
  if (first === undefined) throw new Error('a rig without a node')
  const users = state.release.scram ? scramArguments([ADMIN_USER, ...state.cluster.users]) : []
  await state.launcher.tool('kafka.tools.StorageTool',
    ['format', '-t', kafkaId(), '-c', first.propertiesPath, ...users])
  const [metaName, bootstrapName] = ['meta.properties', 'bootstrap.checkpoint']
  const meta = await readFile(join(first.layout.dataDirectory, metaName), 'utf8')
  for (const node of state.brokers) {
    if (node === first) continue
    const own = meta
      .replace(/^node\.id=.*$/m, `node.id=${node.layout.nodeId}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${kafkaId()}`)
    await writeFile(join(node.layout.dataDirectory, metaName), own)
    await copyFile(join(first.layout.dataDirectory, bootstrapName), join(node.layout.dataDirectory, bootstrapName))
  }
}

/** A random id as Kafka writes them: 16 bytes in base64url. Its first bit is off: a first dash reads as an option. */
function kafkaId(): string {
  const id = randomBytes(16)
  id.writeUInt8(id.readUInt8(0) & 0x7f, 0)
  return id.toString('base64url')
}

/** What a person needs of a broker's log after a failure: the lines of trouble, and the end. */
export async function logTail(node: RigNode): Promise<string> {
  const text = await readFile(node.logPath, 'utf8').catch(() => '(no log)')
  const troubles = text.split('\n').filter((line) => / (ERROR|FATAL) |^Caused by: |Exception: /.test(line))
  const first = troubles.slice(0, LOG_TROUBLES_MAX).map((line) => line.slice(0, LOG_LINE_LENGTH_MAX))
  return `\nerrors in ${node.logPath}:\n${first.join('\n')}\nits end:\n${text.slice(-LOG_TAIL_BYTES)}`
}
