import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { seedDevelopment, seedMenus } from '#backend/app/admin/seed/seed'
import { createTestApp, type TestApp } from '#backend/tests/harness'
import { hashPassword } from '#backend/utils/password-hash'

/** A name that is no loopback address: of those browsers forgive what breaks a page that others open. */
const HOSTNAME = 'docs.test'
const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** A browser starts slowly on a machine that is busy. */
const STEP_MS = 20_000
const TEST_MS = 90_000
const PASSWORD = '123456'

let test_app: TestApp
let browser: BrowserContext
let profile: string
let origin: string
/** What the browser asked for, and where. */
const requested: string[] = []
const complaints: string[] = []

beforeAll(async () => {
  const executable = BROWSERS.find((path) => existsSync(path))
  if (executable === undefined)
    throw new Error(
      `The documentation page is tested in Chromium: none at ${BROWSERS.join(', ')} (apt-get install chromium)`,
    )
  test_app = await createTestApp()
  await seedMenus(test_app.db)
  await seedDevelopment(test_app.db, { password_hash: await hashPassword(PASSWORD, { cost: 4 }) })
  await test_app.app.listen({ host: '127.0.0.1', port: 0 })
  origin = `http://${HOSTNAME}:${(test_app.app.server.address() as AddressInfo).port}`
  profile = mkdtempSync(join(tmpdir(), 'fba-test-chromium-'))
  browser = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    headless: true,
    viewport: { width: 1280, height: 1000 },
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Any other name fails to resolve, so that a machine without a network and one with it see the same page.
      `--host-resolver-rules=MAP ${HOSTNAME} 127.0.0.1, MAP * ~NOTFOUND`,
    ],
  })
  browser.on('request', (request) => requested.push(request.url()))
  browser.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`))
  browser.on('weberror', (failure) => complaints.push(failure.error().message))
  browser.on('console', (message) => {
    // The header is for https, and is ignored with a word on every other origin.
    const expected = message.text().includes('Cross-Origin-Opener-Policy')
    if (message.type() === 'error' && !expected) complaints.push(message.text())
  })
  browser.setDefaultTimeout(STEP_MS)
}, TEST_MS)

afterAll(async () => {
  await browser?.close()
  await test_app?.close()
  if (profile !== undefined) rmSync(profile, { recursive: true, force: true })
})

/** The page with the operation that answers who one is, opened. */
async function openOperation(): Promise<{ page: Page; operation: Locator }> {
  const page = await browser.newPage()
  await page.goto(`${origin}/docs`)
  await page.locator('#operations-tag-Profile').click()
  const operation = page.locator('#operations-Profile-get_sys_users_me')
  await operation.locator('.opblock-summary-control').click()
  return { page, operation }
}

/** Executes it, and reads the status and the body that the page shows. */
async function execute(operation: Locator): Promise<{ status: string; body: unknown }> {
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table .response').first()
  const status = await answer.locator('.response-col_status').innerText()
  const body: unknown = JSON.parse(
    await answer.locator('.response-col_description .highlight-code code').first().innerText(),
  )
  return { status, body }
}

async function signIn(page: Page): Promise<void> {
  await page.locator('.auth-wrapper button.authorize').click()
  const dialog = page.locator('.dialog-ux .modal-ux')
  const flow = dialog.locator('.auth-container', { hasText: 'OAuth2, password' })
  await flow.locator('#oauth_username').fill('admin')
  await flow.locator('#oauth_password').fill(PASSWORD)
  await flow.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click()
  await flow.getByText('Authorized').first().waitFor()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
}

it(
  'somebody signs in on the documentation page and executes an operation, with nothing but this server',
  async () => {
    const { page, operation } = await openOperation()
    await signIn(page)
    const { status, body } = await execute(operation)
    expect(status).toMatch(/^200/)
    expect(body).toMatchObject({ code: 200, data: { username: 'admin' } })
    expect(requested.filter((url) => !url.startsWith('data:') && new URL(url).origin !== origin)).toEqual([])
    expect(requested.length).toBeGreaterThan(5)
    expect(complaints).toEqual([])
  },
  TEST_MS,
)

it(
  'without signing in the same operation is refused',
  async () => {
    const { operation } = await openOperation()
    const { status, body } = await execute(operation)
    expect(status).toMatch(/^401/)
    expect(body).toMatchObject({ code: 401, data: null })
  },
  TEST_MS,
)
