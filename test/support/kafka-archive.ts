// Makes the JVM's class archive for Kafka once per cache, with which a broker starts in two thirds of the time.
import { existsSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { claimPorts } from './kafka-ports.ts'
import { javaLauncher } from './kafka-process.ts'
import { LOG4J_PROPERTIES } from './kafka-properties.ts'
import { until } from './kafka-wire.ts'

const TRAINING_MS = 60_000

/** Where the archive of the jars in `lib` lies. Empty means that making it failed once: nobody tries again. */
function archivePath(lib: string): string {
  return join(dirname(lib), 'classes.jsa')
}

/** JVM options that use the archive, if there is one. A JVM that finds it unfit starts without, and says nothing. */
export function archiveOptions(lib: string): readonly string[] {
  const size = statSync(archivePath(lib), { throwIfNoEntry: false })?.size ?? 0
  return size > 0 ? [`-XX:SharedArchiveFile=${archivePath(lib)}`, '-Xshare:auto', '-Xlog:cds*=off'] : []
}

/** A broker as small as can be: what counts is which classes it loads on the way up. */
function trainingProperties(directory: string, ports: readonly number[]): string {
  const [broker, controller] = ports
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controller}`,
    `listeners=PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'controller.listener.names=CONTROLLER',
    'inter.broker.listener.name=PLAINTEXT',
    'listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users=User:ANONYMOUS',
    `log.dirs=${join(directory, 'data')}`,
    ''
  ].join('\n')
}

async function train(lib: string, directory: string): Promise<string> {
  const made = join(directory, 'classes.jsa')
  const propertiesPath = join(directory, 'server.properties')
  const logPath = join(directory, 'broker.log')
  const log4jPath = join(directory, 'log4j2.properties')
  const block = await claimPorts()
  try {
    await writeFile(propertiesPath, trainingProperties(directory, block.ports))
    await writeFile(log4jPath, LOG4J_PROPERTIES)
    const format = ['format', '-t', 'AAAAAAAAAAAAAAAAAAAAAQ', '-c', propertiesPath]
    await javaLauncher(lib, []).tool('kafka.tools.StorageTool', format)
    const broker = await javaLauncher(lib, [`-XX:ArchiveClassesAtExit=${made}`]).start({
      main: 'kafka.Kafka', args: [propertiesPath], logPath, pidPath: join(directory, 'pid'), log4jPath, ports: []
    })
    await until({ what: 'the training broker', timeoutMs: TRAINING_MS, hopeless: broker.ending }, async () =>
      /Kafka Server started/.test(await readFile(logPath, 'utf8')) || undefined)
    // The JVM writes the archive on an orderly exit only.
    await broker.signal('SIGTERM')
    const late = setTimeout(() => broker.killNow(), TRAINING_MS)
    await broker.ended
    clearTimeout(late)
    return made
  } finally {
    block.release()
  }
}

/** Makes the archive if nobody has tried yet. Never throws: without it everything works, only slower. */
export async function makeArchive(lib: string): Promise<void> {
  const wanted = archivePath(lib)
  if (existsSync(wanted)) return
  const directory = await mkdtemp(join(dirname(lib), 'training-'))
  try {
    await rename(await train(lib, directory), wanted)
  } catch {
    if (!existsSync(wanted)) await writeFile(wanted, '')
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
