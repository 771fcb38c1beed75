# SPDX-License-Identifier: GPL-2.0
"""nginx, asked by curl and ab"""
import os
import re

from programs import digest

PORT = 8080
CONFIGURATION = """
worker_processes 2;
daemon off;
pid {directory}/pid;
error_log {directory}/error.log;
events {{ worker_connections 300; }}
http {{
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 60;
	client_body_temp_path {directory}/body;
	proxy_temp_path {directory}/proxy;
	fastcgi_temp_path {directory}/fastcgi;
	uwsgi_temp_path {directory}/uwsgi;
	scgi_temp_path {directory}/scgi;
	server {{
		listen {port} deferred;
		listen [::]:{port} ipv6only=on;
		root {directory}/root;
	}}
}}
"""


def nginx(place):
    content = os.urandom(2000000)
    place.write("root/large", content)
    place.write("root/small", content[:100])
    configuration = CONFIGURATION.format(directory=place.directory, port=PORT)
    place.serve("nginx", "-c", place.write("nginx.conf", configuration), "-e",
                place.path("error.log"), port=PORT)
    return content


def fetch(place):
    content = nginx(place)
    url = f"http://{place.host}:{PORT}"
    assert digest(place.run("curl", "-sS", f"{url}/large")) == digest(content)
    ranges = place.run("curl", "-sS", "-r", "1000000-1300000", f"{url}/large")
    assert ranges == content[1000000:1300001]
    kept = place.text("curl", "-sS", "-o", "a", "-o", "b", "-o", "c", "-w",
                      "%{http_code} %{num_connects} %{size_download}\n",
                      f"{url}/small", f"{url}/large", f"{url}/none")
    with open(place.path("b"), "rb") as file:
        assert digest(file.read()) == digest(content)
    head = place.text("curl", "-sSI", f"{url}/large")
    refused = place.run("curl", "-sS", f"http://{place.host}:{PORT + 1}/", status=7)
    # what depends on the time
    return kept + re.sub("(?m)^(Date|Last-Modified|ETag):.*\n", "", head), refused


def many(place):
    """A hundred at once"""
    nginx(place)
    found = []
    for options in ([], ["-k"]):
        text = place.text("ab", "-q", "-n", "300", "-c", "100", "-s", "120", *options,
                          f"http://{place.host}:{PORT}/small")
        found += re.findall(r"(?m)^(?:Complete|Failed|Keep-Alive|Non-2xx).*|^HTML transferred.*", text)
    return found


CASES = (("curl: files, ranges, one connection for several", fetch),
         ("ab: a hundred connections at once", many))
