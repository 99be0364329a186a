// Makes throw-away certificates for tests: one CA for each folder, and server certificates for 127.0.0.1 and localhost.
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { X509Certificate, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { revocationList } from './revocation-list.ts'

const DAY_MS = 86_400_000
const serverNames: readonly AlternativeName[] = [{ type: 7, ip: '127.0.0.1' }, { type: 2, value: 'localhost' }]

export interface Certificates {
  /** PEM of the CA that signed the certificate: what a client trusts. */
  readonly caPath: string
  /** PEM of the server certificate, without the CA. */
  readonly certPath: string
  /** PEM of the private key (PKCS#8, not encrypted). */
  readonly keyPath: string
}

export interface CertificateOptions {
  /** Common name of the certificate; `localhost` unless told. */
  readonly commonName?: string
  /** Days from now until it ends; negative for one that has ended. 30 unless told. */
  readonly validDays?: number
  /** Start of the file names (`server` gives server.pem and server-key.pem). */
  readonly name?: string
  /** Subject alternative names beside or in place of those of the server. */
  readonly names?: readonly AlternativeName[]
  /** True: signed by itself, not by the CA. */
  readonly selfSigned?: boolean
}

export type AlternativeName =
  { readonly type: 1 | 2 | 6, readonly value: string } | { readonly type: 7, readonly ip: string }

/** What a test needs to be a client: PEM texts. */
export interface Identity { readonly cert: string, readonly key: string }

interface KeyPair {
  readonly key: string
  readonly cert: string
}

async function writeWhole(path: string, text: string): Promise<void> {
  // A reader that watches the file must never see half of it.
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  await writeFile(temporary, text, { mode: 0o600 })
  await rename(temporary, path)
}

async function authority(directory: string): Promise<KeyPair> {
  const certPath = join(directory, 'ca.pem')
  const keyPath = join(directory, 'ca-key.pem')
  if (existsSync(certPath)) {
    return { cert: await readFile(certPath, 'utf8'), key: await readFile(keyPath, 'utf8') }
  }
  const made = await generate([{ name: 'commonName', value: 'Sluice test CA' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + 60 * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true }
    ]
  })
  await writeWhole(keyPath, made.private)
  await writeWhole(certPath, made.cert)
  return { cert: made.cert, key: made.private }
}

/**
 * Makes a server certificate under the CA of `directory`, which the first call makes. A second call with the same name
 * replaces key and certificate by new ones under the same CA, each file at once: that is a rotation.
 */
export async function makeCertificates(directory: string, options: CertificateOptions = {}): Promise<Certificates> {
  await mkdir(directory, { recursive: true })
  const ca = await authority(directory)
  const endMs = Date.now() + (options.validDays ?? 30) * DAY_MS
  const made = await generate([{ name: 'commonName', value: options.commonName ?? 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Math.min(Date.now(), endMs) - DAY_MS),
    notAfterDate: new Date(endMs),
    ...(options.selfSigned === true ? {} : { ca }),
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [...options.names ?? serverNames] }
    ]
  })
  const name = options.name ?? 'server'
  const certPath = join(directory, `${name}.pem`)
  const keyPath = join(directory, `${name}-key.pem`)
  await writeWhole(keyPath, made.private)
  await writeWhole(certPath, made.cert)
  return { caPath: join(directory, 'ca.pem'), certPath, keyPath }
}

/** Makes a client certificate under the CA of `directory`. */
export async function makeIdentity (
  directory: string, options: CertificateOptions & { name: string }
): Promise<Identity> {
  const { certPath, keyPath } = await makeCertificates(directory, { commonName: options.name, names: [], ...options })
  return { cert: await readFile(certPath, 'utf8'), key: await readFile(keyPath, 'utf8') }
}

/**
 * Writes a list of the certificates that the CA of `directory` has revoked (RFC 5280 section 5), in place of the one
 * before. Returns its path.
 */
export async function makeRevocations (
  directory: string, revoked: readonly Identity[], options: { readonly validDays?: number } = {}
): Promise<string> {
  const { cert, key } = await authority(directory)
  const path = join(directory, 'revoked.pem')
  const serials = revoked.map(one => new X509Certificate(one.cert).serialNumber)
  const endMs = Date.now() + (options.validDays ?? 30) * DAY_MS
  await writeWhole(path, revocationList({ authority: cert, key, serials, endMs }))
  return path
}
