// The test vectors of RFC 9421, appendix B.2: its keys, its message, and every signature that it gives.

import t from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import { Secret } from '../../src/contract/secret.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { tablesFor } from '../../test/support/table-rig.ts'
import { authSignature } from './index.ts'
import { keyOf } from './key.ts'

const pem = (base64: string): string => `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`

const rsaPss = pem('MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAK+LZpt69tFnfz26rz9bNvkBLb6bkWlfGKuNII1EfMtkY8WunaRthlx2' +
  'z37zLPHLfi4dRh+OcdvEcN0cud5pvqAF48kPOjpw5GeTfJWG4IA+Dt8OjOqQLy5IZPeQJ3U64n2yBTzVPDzzDuzsqxQB6oA7' +
  'M54zxZkzrQhHDdmdRaVoHIcLmCzy/lqJKpbXddZ6qs4vmyfXL0igA2HVAADeVlLc3aYsui204EsT+6HIlOE59IOSOmg2SewP' +
  'C86NCksmWKAOPOZqnDtBlQHVcPZauGjk/b+nfp2+G5zZEFZJS0N31QLyZvsXQzqfSwjQjePFdqZwzpBVevlPZ1eaMnOlyNsC' +
  'AwEAAQ==')
const eccP256 = pem('MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR6D' +
  'xh71Z50VGGdldkkDXZCnTNnoXQ==')
const ed25519 = pem('MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=')
const sharedSecret = 'uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=='

const principals = [
  { name: 'rsa-pss', keyId: 'test-key-rsa-pss', algorithm: 'rsa-pss-sha512', publicKey: rsaPss },
  { name: 'ed25519', keyId: 'test-key-ed25519', algorithm: 'ed25519', publicKey: ed25519 },
  { name: 'hmac', keyId: 'test-shared-secret', secret: new Secret(`base64:${sharedSecret}`) }
].map(({ name, ...signature }) => ({ name, groups: [], credentials: [{ signature }] }))

/** Appendix B.2: `test-request`. */
const digest = 'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:'
const message: [string, string][] = [
  [':method', 'POST'], [':path', '/foo?param=Value&Pet=dog'], ['host', 'example.com'],
  ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'], ['content-type', 'application/json'], ['content-digest', digest],
  ['content-length', '18']
]
const body = '{"hello": "world"}'

function authenticator (): Authenticator {
  const config = {
    components: [], windowMs: 1e12, skewMs: 0, rememberedCountMax: 1_000, bodyBytesMax: 1_000
  }
  const tables = tablesFor(authSignature.tables?.(config as never) ?? [])
  return authSignature.create({ config, principals, tables, log: silentLog })
}

function show (label: string, input: string, signature: string, changed: [string, string][] = []): Credentials {
  const names = new Set(changed.map(([name]) => name))
  const kept = message.filter(([name]) => !names.has(name))
  return {
    attributes: attributesOf([
      ...kept, ...changed, ['signature-input', `${label}=${input}`], ['signature', `${label}=:${signature}:`]
    ]),
    argument: () => undefined,
    body: async () => Buffer.from(body)
  }
}

interface Vector {
  readonly what: string
  readonly principal: string
  readonly label: string
  readonly input: string
  readonly signature: string
  /** A part that the signature covers, changed. */
  readonly change: [string, string]
}

const vectors: Vector[] = [
  {
    what: 'B.2.1, minimal, rsa-pss-sha512', principal: 'rsa-pss', label: 'sig-b21',
    input: '();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"',
    signature: 'd2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7z' +
      'FZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKh' +
      'O4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gC' +
      'w1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==',
    change: ['', '']
  },
  {
    what: 'B.2.2, selective, rsa-pss-sha512', principal: 'rsa-pss', label: 'sig-b22',
    input: '("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss"' +
      ';tag="header-example"',
    signature: 'LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8U' +
      'CMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8N' +
      'V7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs' +
      '0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==',
    change: [':path', '/foo?param=Value&Pet=cat']
  },
  {
    what: 'B.2.3, full, rsa-pss-sha512', principal: 'rsa-pss', label: 'sig-b23',
    input: '("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length")' +
      ';created=1618884473;keyid="test-key-rsa-pss"',
    signature: 'bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2vo' +
      'Tp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzN' +
      'BXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBro' +
      'hr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==',
    change: [':method', 'PUT']
  },
  {
    what: 'B.2.5, hmac-sha256', principal: 'hmac', label: 'sig-b25',
    input: '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"',
    signature: 'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=',
    change: ['host', 'example.org']
  },
  {
    what: 'B.2.6, ed25519', principal: 'ed25519', label: 'sig-b26',
    input: '("date" "@method" "@path" "@authority" "content-type" "content-length")' +
      ';created=1618884473;keyid="test-key-ed25519"',
    signature: 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    change: ['date', 'Tue, 20 Apr 2021 02:07:56 GMT']
  }
]

for (const { what, principal, label, input, signature, change } of vectors) {
  t.test(`the signature of ${what} is taken, and only as it is`, async t => {
    t.match(await authenticator().authenticate(show(label, input, signature), peer), { name: principal })
    const other = Buffer.from(signature, 'base64')
    other[7] = (other[7] ?? 0) ^ 1
    const forgeries = [
      show(label, input, other.toString('base64')),
      show(label, input.replace('1618884473', '1618884474'), signature),
      ...(change[0] === '' ? [] : [show(label, input, signature, [change])])
    ]
    for (const forgery of forgeries) {
      t.match(await authenticator().authenticate(forgery, peer), { code: 'unauthenticated', detail: /does not match/ })
    }
  })
}

t.test('the signature of B.2.4, ecdsa-p256-sha256, matches; it is over an answer, so its text is given here', async t => {
  const base = Buffer.from([
    '"@status": 200',
    '"content-type": application/json',
    '"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:',
    '"content-length": 23',
    '"@signature-params": ("@status" "content-type" "content-digest" "content-length");created=1618884473' +
      ';keyid="test-key-ecc-p256"'
  ].join('\n'))
  const signature = 'wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw=='
  const key = keyOf({ keyId: 'test-key-ecc-p256', algorithm: 'ecdsa-p256-sha256', publicKey: eccP256 })
  t.equal(key.matches(base, Buffer.from(signature, 'base64')), true)
  t.equal(key.matches(base.subarray(1), Buffer.from(signature, 'base64')), false)
  t.equal(key.matches(base, Buffer.alloc(64)), false, 'all zero')
  t.equal(key.matches(base, Buffer.alloc(0)), false)
})
