import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { parseCommandLine, UsageError } from "./saxs/command_line.ts";
import { debyeIntensities, debyeSums, type Scatterers, toScatterers } from "./saxs/debye.ts";
import { fitScale } from "./saxs/fit.ts";
import {
  contrast,
  type Element,
  FALL_OFF,
  solventFormFactor,
  uniteHydrogens,
  vacuumFormFactor,
} from "./saxs/form_factors.ts";
import { InputError } from "./saxs/input_error.ts";
import { type Atom, parsePdb, readPdb } from "./saxs/pdb.ts";
import { plotFit } from "./saxs/plot.ts";
import { parseProfile, type Profile, readProfile } from "./saxs/profile.ts";
import { sine } from "./saxs/sine.ts";

const LYSOZYME = fromRoot("examples/data/6lyz.pdb");
const LYSOZYME_PROFILE = fromRoot("examples/data/lyzexp.dat");

function fromRoot(path: string): string {
  return decodeURIComponent(new URL(`../${path}`, import.meta.url).pathname);
}

interface RecordOptions {
  type?: string;
  location?: string;
  element?: string;
  number?: number;
}

/** An ATOM record with the fields in their columns. */
function record(
  name: string,
  residue: string,
  [x, y, z]: [number, number, number],
  { type = "ATOM", location = " ", element = name[0], number = 1 }: RecordOptions = {},
): string {
  const xyz = [x, y, z].map((value) => value.toFixed(3).padStart(8)).join("");
  return `${type.padEnd(6)}    1  ${name.padEnd(3)}${location}${residue} A` +
    `${String(number).padStart(4)}    ${xyz}  1.00  5.00          ${element.padStart(2)}`;
}

const ALANINE = [
  record("N", "ALA", [0, 0, 0]),
  record("CA", "ALA", [1.5, 0, 0]),
  record("C", "ALA", [2, 1.4, 0]),
  record("O", "ALA", [1.2, 2.3, 0.1]),
  record("CB", "ALA", [2, -0.8, 1.2]),
].join("\n");

function names(text: string): string[] {
  return parsePdb(text, "a.pdb").map((atom) => atom.name);
}

function pdbError(text: string): string {
  return assertThrows(() => parsePdb(text, "a.pdb"), InputError).message;
}

function profileError(text: string): string {
  return assertThrows(() => parseProfile(text, "a.dat"), InputError).message;
}

function scatterers(points: [number, number, number, number][]): Scatterers {
  const column = (i: number) => Float64Array.from(points, (point) => point[i]);
  return { x: column(0), y: column(1), z: column(2), formFactor: column(3) };
}

// pdb.ts

Deno.test("parsePdb: reads name, residue, element, coordinates and line", () => {
  const text = `REMARK\n${record("CA", "LYS", [-1.5, 12.25, 0.001])}\nEND\n`;
  const atom = { name: "CA", residue: "LYS", element: "C", x: -1.5, y: 12.25, z: 0.001, line: 2 };
  assertEquals(parsePdb(text, "a.pdb"), [atom]);
});

Deno.test("parsePdb: reads files with CRLF line ends, and takes the element from the name", () => {
  const short = record("CA", "LYS", [1, 2, 3]).slice(0, 54);
  const [first, second] = parsePdb(`${short}\r\n${short}\r\n`, "a.pdb");
  assertEquals([first.element, second.element, second.z], ["C", "C", 3]);
});

Deno.test("parsePdb: leaves out HETATM records, hydrogens and deuterium", () => {
  const text = [
    record("N", "ALA", [0, 0, 0]),
    record("O", "HOH", [1, 0, 0], { type: "HETATM" }),
    record("H", "ALA", [2, 0, 0]),
    record("D", "ALA", [3, 0, 0]),
    record("1HB", "ALA", [4, 0, 0], { element: "" }),
  ].join("\n");
  assertEquals(names(text), ["N"]);
});

Deno.test("parsePdb: keeps a residue's first alternate location", () => {
  const text = [
    record("N", "SER", [0, 0, 0]),
    record("CA", "SER", [1, 0, 0], { location: "A" }),
    record("CA", "SER", [2, 0, 0], { location: "B" }),
    record("OG", "SER", [3, 0, 0], { location: "B" }),
    record("CB", "SER", [3.5, 0, 0], { location: "A" }),
    record("CA", "SER", [4, 0, 0], { location: "B", number: 2 }),
    record("CA", "SER", [5, 0, 0], { location: "C", number: 2 }),
  ].join("\n");
  assertEquals(parsePdb(text, "a.pdb").map((atom) => atom.x), [0, 1, 3.5, 4]);
});

Deno.test("parsePdb: reads the first model only", () => {
  const model = (n: number) => `MODEL     ${n}\n${ALANINE}\nENDMDL`;
  assertEquals(parsePdb(`${model(1)}\n${model(2)}\nEND\n`, "a.pdb").length, 5);
});

Deno.test("parsePdb: tells file and line of an ATOM record that is cut short", () => {
  assertEquals(
    pdbError(`${ALANINE}\n${record("N", "GLY", [0, 0, 0]).slice(0, 50)}`),
    "a.pdb:6: ATOM record is cut short: expected at least 54 characters, found 50",
  );
  assertStringIncludes(pdbError(`${ALANINE}\nAT`), "a.pdb:6: ATOM record is cut short");
});

Deno.test("parsePdb: tells file, line and column of a coordinate that is no number", () => {
  for (const bad of ["  1.2.3 ", "     NaN", "Infinity", "        "]) {
    const line = record("N", "GLY", [0, 0, 0]);
    assertEquals(
      pdbError(`${ALANINE}\n${line.slice(0, 38)}${bad}${line.slice(46)}`),
      "a.pdb:6: expected the y coordinate in columns 39 to 46, " +
        `found ${JSON.stringify(bad.trim())}`,
    );
  }
});

Deno.test("parsePdb: tells that an archive entry without END is cut short", () => {
  assertEquals(
    pdbError(`HEADER    HYDROLASE\n${ALANINE}\nTER\n`),
    "a.pdb:7: the file is cut short: its last record is not END",
  );
  assertStringIncludes(pdbError(`HEADER    HYDROLASE\n${ALANINE}\n`), "a.pdb:6: the file is cut");
});

Deno.test("parsePdb: tells that there are no protein atoms", () => {
  const water = record("O", "HOH", [1, 0, 0], { type: "HETATM" });
  const expected = "a.pdb: no protein atoms: expected ATOM records as in a PDB file";
  assertEquals(pdbError(water), expected);
  assertEquals(pdbError("q intensity error\n0.1 2 3\n"), expected);
});

Deno.test("readPdb: tells that a file is missing, empty or a directory", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/empty.pdb`, "\n\n");
    const message = async (path: string) =>
      (await assertRejects(() => readPdb(path), InputError)).message;
    const missing = `${folder}/none.pdb`;
    assertEquals(await message(missing), `${missing}: cannot read the file (no such file)`);
    assertEquals(await message(`${folder}/empty.pdb`), `${folder}/empty.pdb: the file is empty`);
    assertEquals(await message(folder), `${folder}: cannot read the file (it is a directory)`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

// profile.ts

Deno.test("parseProfile: reads three columns after a header, and skips comments", () => {
  const text = "lysozyme, 46 mg/ml\n# more\n 1.0E-01 5 .5\n\n  # note\n0.2,-1e-2,+0.1\n";
  const { q, intensity, error } = parseProfile(text, "a.dat");
  assertEquals([[...q], [...intensity], [...error]], [[0.1, 0.2], [5, -0.01], [0.5, 0.1]]);
});

Deno.test("parseProfile: ends at a Control-Z, as MS-DOS does", () => {
  assertEquals(parseProfile("0.1 1 1\n0.2 1 1\x1a\0\0", "a.dat").q.length, 2);
  assertEquals(parseProfile("0.1 1 1\r\n0.2 1 1\r\n\x1a", "a.dat").q.length, 2);
});

Deno.test("parseProfile: tells file and line of what is not q, intensity, error", () => {
  const expected = (found: string) =>
    `a.dat:3: expected q, intensity, error, found ${JSON.stringify(found)}`;
  for (const bad of ["0.2 1", "0.2 1 1 1", "0.2 abc 1", "0.2 1 NaN", "0.2 Infinity 1", "END"]) {
    assertEquals(profileError(`header\n0.1 1 1\n${bad}\n`), expected(bad));
  }
});

Deno.test("parseProfile: takes a wrong first point for an error, not for a header", () => {
  assertStringIncludes(profileError("0.1 abc 1\n0.2 1 1\n0.3 1 1\n"), "a.dat:1: expected q");
});

Deno.test("parseProfile: tells file and line of an error that is not positive", () => {
  assertEquals(
    profileError("0.1 1 1\n0.2 1 0\n"),
    "a.dat:2: expected a positive error, found 0",
  );
  assertEquals(
    profileError("0.1 1 1\n0.2 1 -0.5\n"),
    "a.dat:2: expected a positive error, found -0.5",
  );
});

Deno.test("parseProfile: tells file and line where q is negative or does not increase", () => {
  assertEquals(profileError("-0.1 1 1\n"), "a.dat:1: expected q of at least 0, found -0.1");
  for (const q of [0.1, 0.05]) {
    assertEquals(
      profileError(`0.1 1 1\n${q} 1 1\n`),
      `a.dat:2: expected q to increase, found ${q} after 0.1`,
    );
  }
});

Deno.test("parseProfile: tells that there are too few points", () => {
  const expected = "a.dat: expected at least two lines of q, intensity, error, found ";
  assertEquals(profileError("nothing here\n"), `${expected}0`);
  assertEquals(profileError("0.1 1 1\n"), `${expected}1`);
});

Deno.test("parseProfile: tells that the last line of a table is cut short", () => {
  assertEquals(
    profileError("1.0E-1 5.00 1.25E-1\n2.0E-1 4.00 1.25E-1\n3.0E-1 3.00 1.25"),
    "a.dat:3: the last line is cut short: expected 19 characters, found 16",
  );
  assertEquals(parseProfile("0.1 5 0.25\n0.15 4 0.25\n0.2 3 0.2", "a.dat").q.length, 3);
});

// form_factors.ts

const VACUUM_ELECTRONS: Record<Element, number> = { H: 1, C: 6, N: 7, O: 8, S: 16 };

Deno.test("vacuumFormFactor: is the number of electrons at q = 0 and falls with q", () => {
  for (const [element, electrons] of Object.entries(VACUUM_ELECTRONS)) {
    assertAlmostEquals(vacuumFormFactor(element as Element, 0), electrons, 0.006);
    assertLess(vacuumFormFactor(element as Element, 0.5), vacuumFormFactor(element as Element, 0));
  }
});

Deno.test("solventFormFactor: is the solvent's electrons in the atom's volume at q = 0", () => {
  assertAlmostEquals(solventFormFactor("C", 0), 0.334 * 16.44, 1e-12);
  const widthOfCarbon = 16.44 ** (2 / 3) / (4 * Math.PI);
  assertAlmostEquals(
    solventFormFactor("C", 0.5) / solventFormFactor("C", 0),
    Math.exp(-0.25 * widthOfCarbon),
    1e-12,
  );
});

Deno.test("contrast: has the values of IMP's table at q = 0", () => {
  const expected: [Element, number, number][] = [
    ["C", 0, 0.50824],
    ["C", 1, -0.211907],
    ["C", 2, -0.932054],
    ["C", 3, -1.6522],
    ["N", 0, 6.16294],
    ["N", 1, 5.44279],
    ["N", 3, 4.0025],
    ["O", 0, 4.94998],
    ["O", 1, 4.22983],
    ["S", 0, 9.36656],
    ["S", 1, 8.64641],
  ];
  for (const [element, hydrogens, value] of expected) {
    assertAlmostEquals(contrast({ element, hydrogens }, 0), value, 1e-4);
  }
});

Deno.test("FALL_OFF: is how the elements fall off on average, to 3 % up to q = 0.5", () => {
  for (const element of ["C", "N", "O"] as const) {
    const exact = vacuumFormFactor(element, 0.5) / vacuumFormFactor(element, 0);
    assertAlmostEquals(Math.exp(-FALL_OFF * 0.25) / exact, 1, 0.03);
  }
});

function atomOf(residue: string, name: string, element = name[0]): Atom {
  return { name, residue, element, x: 0, y: 0, z: 0, line: 7 };
}

/** Side chain atoms and the sum of hydrogens in the residue, from its formula at neutral pH. */
const COMPOSITION: Record<string, [atoms: string, hydrogens: number]> = {
  ALA: ["CB", 5],
  ARG: ["CB CG CD NE CZ NH1 NH2", 13],
  ASN: ["CB CG OD1 ND2", 6],
  ASP: ["CB CG OD1 OD2", 4],
  CYS: ["CB SG", 5],
  GLN: ["CB CG CD OE1 NE2", 8],
  GLU: ["CB CG CD OE1 OE2", 6],
  GLY: ["", 3],
  HIS: ["CB CG ND1 CD2 CE1 NE2", 7],
  ILE: ["CB CG1 CG2 CD1", 11],
  LEU: ["CB CG CD1 CD2", 11],
  LYS: ["CB CG CD CE NZ", 13],
  MET: ["CB CG SD CE", 9],
  PHE: ["CB CG CD1 CD2 CE1 CE2 CZ", 9],
  PRO: ["CB CG CD", 7],
  SER: ["CB OG", 5],
  THR: ["CB OG1 CG2", 7],
  TRP: ["CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2", 10],
  TYR: ["CB CG CD1 CD2 CE1 CE2 CZ OH", 9],
  VAL: ["CB CG1 CG2", 9],
};

Deno.test("uniteHydrogens: gives each amino acid as many hydrogens as its formula has", () => {
  for (const [residue, [sideChain, hydrogens]] of Object.entries(COMPOSITION)) {
    const all = ["N", "CA", "C", "O", ...sideChain.split(" ").filter((name) => name !== "")];
    const found = all.reduce(
      (sum, name) => sum + uniteHydrogens(atomOf(residue, name), "a.pdb").hydrogens,
      0,
    );
    assertEquals(found, hydrogens, residue);
  }
});

Deno.test("uniteHydrogens: tells which element, residue or atom it does not know", () => {
  const message = (atom: Atom) =>
    assertThrows(() => uniteHydrogens(atom, "a.pdb"), InputError).message;
  assertEquals(
    message(atomOf("MSE", "SE", "SE")),
    'a.pdb:7: no form factor for element "SE" (atom SE of MSE): known are H, C, N, O, S',
  );
  assertStringIncludes(message(atomOf("DG", "C1'")), 'a.pdb:7: unknown residue "DG"');
  assertStringIncludes(message(atomOf("toString", "C")), 'unknown residue "toString"');
  assertEquals(message(atomOf("GLY", "CB")), 'a.pdb:7: unknown atom "CB" of residue GLY');
  assertEquals(
    message(atomOf("GLY", "CA", "N")),
    'a.pdb:7: element "N" does not fit atom "CA" of residue GLY',
  );
});

// sine.ts

Deno.test("sine: agrees with Math.sin", () => {
  const small = Array.from({ length: 200_000 }, (_, i) => i * 0.00917);
  const large = Array.from({ length: 1000 }, (_, i) => i * 997.31);
  for (const x of [...small, ...large]) {
    const difference = Math.abs(sine(x) - Math.sin(x));
    assert(difference <= 1e-15 + x * 2.3e-16, `sine(${x}) is off by ${difference}`);
  }
  assertEquals(sine(0), 0);
});

// debye.ts

Deno.test("debyeSums: is the closed form for two atoms", () => {
  const r = 3;
  const pair = scatterers([[0, 0, 0, 2], [1, 2, 2, 5]]);
  for (const q of [1e-9, 0.01, 0.3, 1, 2.5]) {
    const [sum] = debyeSums(pair, Float64Array.of(q));
    assertAlmostEquals(sum, 4 + 25 + 2 * 2 * 5 * Math.sin(q * r) / (q * r), 1e-12);
  }
});

Deno.test("debyeSums: is the square of the sum of form factors at q = 0", () => {
  const atoms = scatterers([[0, 0, 0, 2], [1, 2, 2, 5], [4, 0, 1, -3]]);
  assertEquals([...debyeSums(atoms, Float64Array.of(0))], [16]);
  assertAlmostEquals(debyeSums(atoms, Float64Array.of(1e-6))[0], 16, 1e-9);
});

Deno.test("debyeSums: takes sin(qr)/(qr) as 1 for atoms at one place", () => {
  const atoms = scatterers([[1, 1, 1, 2], [1, 1, 1, 5], [1, 1, 1, 1]]);
  assertAlmostEquals(debyeSums(atoms, Float64Array.of(0.4))[0], 64, 1e-12);
});

Deno.test("debyeSums: does not change when the structure is moved and turned", () => {
  const q = Float64Array.of(0.1, 0.4);
  const points = randomPoints(40);
  const turned = points.map(([x, y, z, f]): [number, number, number, number] => [
    5 - y,
    x + 7,
    z - 3,
    f,
  ]);
  const expected = debyeSums(scatterers(points), q);
  debyeSums(scatterers(turned), q).forEach((sum, k) =>
    assertAlmostEquals(sum / expected[k], 1, 1e-12)
  );
});

Deno.test("debyeIntensities: lets every form factor fall off with q", () => {
  const one = scatterers([[0, 0, 0, 3]]);
  assertAlmostEquals(
    debyeIntensities(one, Float64Array.of(0.5))[0],
    9 * Math.exp(-0.23 * 0.25),
    1e-12,
  );
});

Deno.test("debyeIntensities: is the same to the last bit however q is cut", () => {
  const atoms = scatterers(randomPoints(60));
  const q = Float64Array.from({ length: 37 }, (_, k) => 0.013 * k);
  const whole = debyeIntensities(atoms, q);
  for (const length of [1, 2, 5, 36]) {
    const cut = new Float64Array(q.length);
    for (let first = 0; first < q.length; first += length) {
      cut.set(debyeIntensities(atoms, q.slice(first, first + length)), first);
    }
    assertEquals(bits(cut), bits(whole));
  }
});

Deno.test("toScatterers: gives atoms their form factors", () => {
  const { x, formFactor } = toScatterers(parsePdb(ALANINE, "a.pdb"), "a.pdb");
  assertEquals([...x], [0, 1.5, 2, 1.2, 2]);
  const expected = [5.44279, -0.211907, 0.50824, 4.94998, -1.6522];
  formFactor.forEach((f, i) => assertAlmostEquals(f, expected[i], 1e-4));
});

function bits(values: Float64Array): string[] {
  return Array.from(new BigUint64Array(values.slice().buffer), (word) => word.toString(16));
}

/** Points in a cube of 20 Å with a form factor, the same at every call. */
function randomPoints(count: number): [number, number, number, number][] {
  let state = 1;
  const next = (size: number): number => {
    state = state * 16807 % 2147483647;
    return state / 2147483647 * size;
  };
  return Array.from({ length: count }, () => [next(20), next(20), next(20), next(9) - 2]);
}

// fit.ts

Deno.test("fitScale: finds the factor and chi 0 where the profiles are proportional", () => {
  const measured = parseProfile("0.1 6 1\n0.2 4 2\n0.3 2 3\n", "a.dat");
  const { scale, chi } = fitScale(measured, Float64Array.of(3, 2, 1));
  assertAlmostEquals(scale, 2, 1e-15);
  assertAlmostEquals(chi, 0, 1e-15);
});

Deno.test("fitScale: weighs points by their errors", () => {
  const measured = parseProfile("0.1 1 1\n0.2 4 0.5\n", "a.dat");
  // c = (1 + 4 · 4) / (1 + 4); chi² = (2.4² + (0.6 / 0.5)²) / 2.
  const { scale, chi } = fitScale(measured, Float64Array.of(1, 1));
  assertAlmostEquals(scale, 3.4, 1e-15);
  assertAlmostEquals(chi, Math.sqrt((2.4 ** 2 + 1.2 ** 2) / 2), 1e-15);
});

Deno.test("fitScale: refuses profiles of different length, and zeros", () => {
  const measured = parseProfile("0.1 1 1\n0.2 4 0.5\n", "a.dat");
  assertThrows(() => fitScale(measured, Float64Array.of(1)), RangeError, "1 calculated to 2");
  assertThrows(() => fitScale(measured, Float64Array.of(0, 0)), RangeError, "square is 0");
  assertThrows(() => fitScale(measured, Float64Array.of(1, NaN)), RangeError, "square is NaN");
});

// plot.ts

function plotOf(measured: Profile, calculated: number[]): string {
  const values = Float64Array.from(calculated);
  const fit = fitScale(measured, values);
  return plotFit({ structure: "a<b.pdb", data: "a&b.dat", measured, calculated: values, fit });
}

Deno.test("plotFit: draws every point in both panels, error bars and one curve", () => {
  const svg = plotOf(parseProfile("0.1 10 1\n0.2 1 0.2\n0.3 0.1 0.05\n", "a"), [10, 1.1, 0.1]);
  assertMatch(svg, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  // Three points twice, and one in the legend.
  assertEquals(svg.match(/<circle /g)?.length, 7);
  assertEquals(svg.match(/<path d="M[^"]*V[^"]*M[^"]*V[^"]*M[^"]*V[^"]*"/g)?.length, 1);
  assertStringIncludes(svg, ">residual / σ<");
  assertStringIncludes(svg, ">q (1/Å)<");
  assert(!/NaN|Infinity|undefined/.test(svg));
});

Deno.test("plotFit: escapes the files' names", () => {
  const svg = plotOf(parseProfile("0.1 10 1\n0.2 1 0.2\n", "a"), [10, 1]);
  assertStringIncludes(svg, "a&lt;b.pdb and a&amp;b.dat");
});

Deno.test("plotFit: shortens long names", () => {
  const measured = parseProfile("0.1 10 1\n0.2 1 0.2\n", "a");
  const calculated = Float64Array.of(10, 1);
  const fit = fitScale(measured, calculated);
  const data = `${"a".repeat(60)}.dat`;
  const svg = plotFit({ structure: "a.pdb", data, measured, calculated, fit });
  assertStringIncludes(svg, ">measured (aaaaaaaaa…aaaaaa.dat)<");
});

Deno.test("plotFit: copes with intensities and error bars below zero", () => {
  const svg = plotOf(parseProfile("0.1 10 1\n0.2 0.1 0.2\n0.3 -0.1 0.2\n", "a"), [10, 0.2, 0.1]);
  assert(!/NaN|Infinity/.test(svg));
  assertEquals(svg.match(/<circle /g)?.length, 6);
});

Deno.test("plotFit: refuses a plot without any positive intensity", () => {
  const measured = parseProfile("0.1 -1 1\n0.2 -2 1\n", "a");
  const input = { structure: "a", data: "b", measured, calculated: Float64Array.of(-1, -2) };
  assertThrows(() => plotFit({ ...input, fit: { scale: 1, chi: 0 } }), RangeError, "logarithmic");
});

// command_line.ts

Deno.test("parseCommandLine: reads files and options, two slaves by default", () => {
  assertEquals(parseCommandLine(["a.pdb", "b.dat"]), {
    pdb: "a.pdb",
    profile: "b.dat",
    slaves: 2,
    sge: false,
    plot: undefined,
  });
  assertEquals(parseCommandLine(["--slaves", "3", "1e3", "b.dat", "--plot=c.svg"]), {
    pdb: "1e3",
    profile: "b.dat",
    slaves: 3,
    sge: false,
    plot: "c.svg",
  });
  assertEquals(parseCommandLine(["--help"]), "help");
});

Deno.test("parseCommandLine: tells what is wrong", () => {
  const wrong: [string, string][] = [
    ["", "expected two files, PDB and PROFILE, found 0"],
    ["a", "expected two files, PDB and PROFILE, found 1"],
    ["a b c", "expected two files, PDB and PROFILE, found 3"],
    ["a b --slave 2", "unknown option --slave"],
    ["a b -x", "unknown option -x"],
    ["a b --plot", '--plot takes one file name that ends in .svg, found ""'],
    ["a b --plot c.png", '--plot takes one file name that ends in .svg, found "c.png"'],
    ["a b --slaves", '--slaves takes one whole number from 1 to 9999, found ""'],
    ["a b --slaves 0", '--slaves takes one whole number from 1 to 9999, found "0"'],
    ["a b --slaves=-1", '--slaves takes one whole number from 1 to 9999, found "-1"'],
    ["a b --slaves 1.5", '--slaves takes one whole number from 1 to 9999, found "1.5"'],
    ["a b --slaves 2 --slaves 3", '--slaves takes one whole number from 1 to 9999, found "2 3"'],
  ];
  for (const [line, message] of wrong) {
    const args = line.split(" ").filter((arg) => arg !== "");
    assertEquals(assertThrows(() => parseCommandLine(args), UsageError).message, message);
  }
});

// Real data

Deno.test("saxs: lysozyme fits its measured profile with the published chi", async () => {
  const atoms = await readPdb(LYSOZYME);
  const measured = await readProfile(LYSOZYME_PROFILE);
  assertEquals([atoms.length, measured.q.length], [1001, 197]);
  const intensities = debyeIntensities(toScatterers(atoms, "6lyz.pdb"), measured.q);
  const { scale, chi } = fitScale(measured, intensities);
  // "should be ~0.5 for this example": modules/saxs/examples/profile.py of IMP.
  assertAlmostEquals(chi, 0.5475, 0.0001);
  assertAlmostEquals(scale * 1e6, 1.913, 0.001);
});

Deno.test("saxs: each form factor term with its own fall-off gives chi 0.68", async () => {
  const atoms = await readPdb(LYSOZYME);
  const measured = await readProfile(LYSOZYME_PROFILE);
  const united = atoms.map((atom) => uniteHydrogens(atom, "6lyz.pdb"));
  const base = toScatterers(atoms, "6lyz.pdb");
  const intensities = measured.q.map((q) => {
    const formFactor = Float64Array.from(united, (atom) => contrast(atom, q));
    return debyeSums({ ...base, formFactor }, Float64Array.of(q))[0];
  });
  assertAlmostEquals(fitScale(measured, intensities).chi, 0.6754, 0.0001);
});

Deno.test("saxs: the lysozyme files cut short within a record are refused with their line", async () => {
  const pdb = await Deno.readTextFile(LYSOZYME);
  for (const share of [0.3, 0.5, 0.77, 0.9, 0.999]) {
    const cut = pdb.slice(0, Math.floor(share * pdb.length));
    assertMatch(pdbError(cut), /^a\.pdb(:\d+)?: /);
  }
  const profile = await Deno.readTextFile(LYSOZYME_PROFILE);
  const row = profile.indexOf("\n", 5000) + 1;
  // Each row is 48 characters, of which the first four are blank.
  for (let cut = row + 5; cut < row + 48; cut++) {
    assertMatch(profileError(profile.slice(0, cut)), /^a\.dat:\d+: /, `cut at ${cut - row}`);
  }
});

// The parallel example. These need mod.ts and slave.ts.

const EXAMPLE = fromRoot("examples/saxs.ts");

interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Runs the example with the permissions that its head comment gives. */
async function runExample(folder: string, args: string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net=127.0.0.1",
      "--allow-run=deno",
      "--allow-read",
      "--allow-write=saxs.svg",
      EXAMPLE,
      ...args,
    ],
    cwd: folder,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

async function withFiles(
  files: Record<string, string>,
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, content);
    }
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const PROFILE_TEXT = Array.from(
  { length: 9 },
  (_, i) => `${(0.05 * (i + 1)).toFixed(2)} ${(20 - 2 * i).toFixed(3)} 0.500\n`,
).join("");

Deno.test("saxs.ts: slaves calculate the same profile to the last bit", async () => {
  const { calculateProfile } = await import("./saxs.ts");
  await withFiles({ "a b&c.pdb": ALANINE }, async (folder) => {
    const path = `${folder}/a b&c.pdb`;
    const q = Float64Array.from({ length: 23 }, (_, k) => 0.02 * k);
    const serial = debyeIntensities(toScatterers(await readPdb(path), "a.pdb"), q);
    for (const slaveCount of [1, 3]) {
      const parallel = await calculateProfile(path, q, slaveCount);
      assertEquals(bits(parallel.intensities), bits(serial));
      assertEquals([parallel.atomCount, parallel.taskCount], [5, 6]);
    }
  });
});

Deno.test("saxs.ts: prints the fit and writes the plot", async () => {
  await withFiles({ "a.pdb": ALANINE, "a.dat": PROFILE_TEXT }, async (folder) => {
    const { code, out, err } = await runExample(folder, ["a.pdb", "a.dat", "--plot", "saxs.svg"]);
    assertEquals([code, err], [0, ""]);
    assertMatch(out, /^structure {2}a\.pdb: 5 protein atoms/m);
    assertMatch(out, /^chi {8}\d+\.\d{4}$/m);
    assertStringIncludes(await Deno.readTextFile(`${folder}/saxs.svg`), "a.pdb and a.dat");
  });
});

Deno.test("saxs.ts: prints one line for a fault in either file and exits with 1", async () => {
  const files = {
    "a.pdb": ALANINE,
    "a.dat": PROFILE_TEXT,
    "cut.pdb": `${ALANINE}\nATOM    512  N  `,
    "cut.dat": `${PROFILE_TEXT}0.60 3`,
    "dna.pdb": record("P", "DG", [0, 0, 0]),
  };
  await withFiles(files, async (folder) => {
    const faults: [string, string, string][] = [
      ["cut.pdb", "a.dat", "cut.pdb:6: ATOM record is cut short: expected at least 54 character"],
      ["dna.pdb", "a.dat", 'dna.pdb:1: no form factor for element "P"'],
      ["none.pdb", "a.dat", "none.pdb: cannot read the file (no such file)"],
      ["a.pdb", "cut.dat", 'cut.dat:10: expected q, intensity, error, found "0.60 3"'],
      ["a.pdb", "none.dat", "none.dat: cannot read the file (no such file)"],
    ];
    for (const [pdb, profile, message] of faults) {
      const { code, out, err } = await runExample(folder, [pdb, profile]);
      assertStringIncludes(err, message);
      assertEquals([code, out, err.split("\n").length], [1, "", 2], err);
    }
  });
});

Deno.test("saxs.ts: prints the usage for a wrong command line and exits with 2", async () => {
  const { code, out, err } = await runExample(".", ["a.pdb"]);
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "saxs.ts: expected two files, PDB and PROFILE, found 1\n\nUsage: ");
});

Deno.test("saxs.ts: lysozyme on two slaves is the serial profile, and its chi", async () => {
  const { calculateProfile } = await import("./saxs.ts");
  const measured = await readProfile(LYSOZYME_PROFILE);
  const atoms = toScatterers(await readPdb(LYSOZYME), "6lyz.pdb");
  const { intensities } = await calculateProfile(LYSOZYME, measured.q, 2);
  assertEquals(bits(intensities), bits(debyeIntensities(atoms, measured.q)));
  const { out } = await runExample(".", [LYSOZYME, LYSOZYME_PROFILE]);
  assertGreater(Number(/^chi +(.*)$/m.exec(out)?.[1]), 0.5);
  assertLess(Number(/^chi +(.*)$/m.exec(out)?.[1]), 0.6);
});
