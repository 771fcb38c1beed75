# SPDX-License-Identifier: GPL-2.0
"""PostgreSQL: psql and pgbench"""
import glob
import os
import re
import subprocess
import tempfile

PORT = 5432
NOBODY = 65534
# the server refuses to run as root
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
CLUSTER = os.path.join(tempfile.gettempdir(), "tern-postgres")


def program(name):
    return glob.glob(f"/usr/lib/postgresql/*/bin/{name}")[0]


def cluster(place):
    """One that was made once; making it takes longer than all else"""
    if not os.path.exists(CLUSTER):
        new = tempfile.mkdtemp()
        os.chown(new, NOBODY, NOBODY)
        subprocess.run([*AS_NOBODY, program("initdb"), "-D", new, "-U", "tern", "--auth=trust", "-N",
                        "--no-locale", "-E", "UTF8"], check=True, capture_output=True,
                       cwd="/")
        os.rename(new, CLUSTER)
    directory = place.path("data")
    subprocess.run(["cp", "-a", CLUSTER, directory], check=True)
    with open(f"{directory}/pg_hba.conf", "a", encoding="ascii") as file:
        file.write("host all all all trust\n")
    place.serve(*AS_NOBODY, program("postgres"), "-D", directory, "-p", str(PORT), "-k", directory,
                "-c", f"listen_addresses={place.server}", "-c", "fsync=off", port=PORT)


def queries(place):
    cluster(place)
    # a large result, a large statement, COPY both ways
    script = f"""
        CREATE TABLE t (n int, text text);
        INSERT INTO t SELECT n, repeat(n::text, 100) FROM generate_series(1, 2000) n;
        SELECT count(*), md5(string_agg(text, '' ORDER BY n)) FROM t;
        \\copy t TO '{place.path("out")}'
        CREATE TABLE u (LIKE t);
        \\copy u FROM '{place.path("out")}'
        SELECT md5(string_agg(text, '' ORDER BY n)) FROM u;
        SELECT length('{"x" * 200000}');
        SELECT text FROM t ORDER BY n LIMIT 700;
        SELECT nonsense;
    """
    return place.text(program("psql"), "-X", "-h", place.server, "-p", str(PORT), "-U", "tern",
                      "-d", "postgres", "-f", "-", input=script.encode())


def bench(place):
    cluster(place)
    where = ("-h", place.server, "-p", str(PORT), "-U", "tern")
    place.run(program("pgbench"), "-i", "-q", "-s", "1", *where, "postgres")
    text = place.text(program("pgbench"), "-n", "-c", "4", "-j", "2", "-t", "20", *where, "postgres")
    return re.findall(r"(?m)^number of (?:transactions|failed).*", text)


CASES = (("psql", queries), ("pgbench", bench))
