import { type Browser, chromium, type Page } from "playwright-core";

const PROGRAM = "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Why there is no browser; nothing if there is one. */
export const missingBrowser: string | undefined = findBrowser();

function findBrowser(): string | undefined {
  if (Deno.env.get("PARALLEL_TEST_CHROMIUM") === undefined) {
    return "needs Chromium: as root on Debian, run tests/grid/chromium.sh up and set PARALLEL_TEST_CHROMIUM=1";
  }
  Deno.statSync(PROGRAM);
  return undefined;
}

/** A browser, and what its pages complain of. */
export class TestBrowser implements AsyncDisposable {
  /** What pages print to their consoles, and errors that nobody caught there. */
  readonly complaints: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<TestBrowser> {
    // No limit of time, here and below: on a busy machine all takes longer.
    const options = { executablePath: PROGRAM, args: FLAGS, timeout: 0 };
    return new TestBrowser(await chromium.launch(options));
  }

  /** Opens a page, in a window of its own. */
  async show(
    url: string,
    { width = 1200, scheme = "light" }: {
      readonly width?: number;
      readonly scheme?: "light" | "dark";
    } = {},
  ): Promise<Page> {
    const page = await this.#browser.newPage({
      viewport: { width, height: 844 },
      colorScheme: scheme,
    });
    page.setDefaultTimeout(0);
    page.on("console", (message) => this.complaints.push(message.text()));
    page.on("pageerror", (error) => this.complaints.push(`${error}`));
    await page.goto(url);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
