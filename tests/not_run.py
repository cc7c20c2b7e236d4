"""What the documents show and no test runs, with the reason; whatever else they show is run.

`tests/acceptance/test_documents.py` runs the blocks of all pages, `test_reference.py` the examples of docs/cli.md.
What stands here is held to the rule of its program all the same (tests/command_rules.py).
"""

from __future__ import annotations

INDEX = "installs from a package index, which no test reaches; what comes of it is installed here already"
RELEASE = "needs a package index; `make release-check` installs wheel and sdist like this, with each extra"
SUITE = "runs this suite"
DEVELOPER = "a developer's tool that changes the checkout, or takes minutes"
MACHINE = "changes the machine: users, files of root, units of systemd. test_systemd.py reads the units"
UNITS = "needs the files of root and the user that the commands above it make"
DOCKER = "needs docker and the images; test_compose.py reads the compose file"

NOT_RUN = {
    # README.md and docs/
    "make test": SUITE,
    "make audit": "asks a service on the network",
    "make audit ARGS='--vulnerability-service osv'": "asks a service on the network",
    "make dist": "removes dist/ of the checkout; test_wheel.py builds both files by the same program",
    "make release-check": "needs a package index",
    "pip install flask": INDEX,
    "pip install uvicorn": INDEX,
    "pip install 'celery[redis]'": INDEX,
    "pip install 'smsfleet[flower]'": RELEASE,
    "pip install 'smsfleet[web]'": RELEASE,
    "pip install dist/smsfleet-0.1.0-py3-none-any.whl": RELEASE,
    "pip install 'smsfleet[server,numbers] @ file:///srv/dist/smsfleet-0.1.0-py3-none-any.whl'": RELEASE,
    "pip install --require-hashes -r requirements.lock": RELEASE,
    "pip install --no-deps dist/smsfleet-0.1.0-py3-none-any.whl": RELEASE,
    "sudo useradd --system --no-create-home --shell /usr/sbin/nologin smsfleet": MACHINE,
    "sudo python3 -m venv /opt/smsfleet": MACHINE,
    "sudo /opt/smsfleet/bin/pip install dist/smsfleet-0.1.0-py3-none-any.whl": MACHINE,
    "sudo install -d -m 0755 /etc/smsfleet": MACHINE,
    "sudo install -d -m 0700 /etc/smsfleet/secrets": MACHINE,
    "sudo install -m 0640 -g smsfleet systemd/smsfleet.env /etc/smsfleet/smsfleet.env": MACHINE,
    "sudo install -m 0640 -g smsfleet /dev/null /etc/smsfleet/live.env": MACHINE,
    "sudo install -m 0600 /dev/stdin /etc/smsfleet/secrets/smpp_password": MACHINE,
    "sudo install -m 0644 systemd/*.service /etc/systemd/system/": MACHINE,
    "sudo systemctl daemon-reload": MACHINE,
    "sudo systemctl enable --now smsfleet-binder smsfleet-worker@1 smsfleet-worker@2": MACHINE,
    "journalctl --unit smsfleet-binder --follow": MACHINE,
    "sudo -u smsfleet sh -c 'set -a; . /etc/smsfleet/smsfleet.env; /opt/smsfleet/bin/smsfleet status'": UNITS,
    (
        "sudo sh -c 'set -a; . /etc/smsfleet/smsfleet.env; SMSFLEET_RUN_DIR=/var/lib/smsfleet "
        "SMSFLEET_SMPP_PASSWORD_FILE=/etc/smsfleet/secrets/smpp_password /opt/smsfleet/bin/smsfleet doctor'"
    ): UNITS,
    "sudo /opt/smsfleet/bin/pip install 'smsfleet[web,flower] @ file:///srv/dist/smsfleet-0.1.0-py3-none-any.whl'": MACHINE,
    "sudo install -m 0600 web_users /etc/smsfleet/secrets/web_users": MACHINE,
    "sudo install -m 0600 /dev/stdin /etc/smsfleet/secrets/flower_basic_auth": MACHINE,
    "sudo systemctl enable --now smsfleet-web smsfleet-flower": MACHINE,
    "sudo chown -R 10001 .run/secrets && sudo chmod -R u=rX,go= .run/secrets": MACHINE,
    "docker compose up --build --detach": DOCKER,
    "docker compose exec binder smsfleet status": DOCKER,
    "docker compose up --detach --scale worker=3 --no-recreate": DOCKER,
    "docker compose run --rm --no-deps -T worker web user anna --role operator < password > web_users": DOCKER,
    "sudo install -o 10001 -m 0400 web_users .run/secrets/web_users": MACHINE,
    "docker compose --profile web up --detach web": DOCKER,
    "docker compose --profile web logs web": DOCKER,
    # CONTRIBUTING.md
    "make unit": SUITE,
    "make lint": DEVELOPER,
    "make format": DEVELOPER,
    "make explore": DEVELOPER,
    "make bench": DEVELOPER,
    "make lock": "needs a package index",
    "sudo apt-get install nodejs npm libnet-smpp-perl tshark": MACHINE,
    "npm install --prefix /opt/smpp smpp": "installs from a package registry",
    "NODE_PATH=/opt/smpp/node_modules make test ARGS=tests/integration/binder/test_independent_smsc.py": SUITE,
}  # fmt: skip

WHERE_FOUND = {"curl", "jq", "make", "promtool", "systemd-analyze", "tshark"}
"""Programs that are not everywhere: run where they are installed."""

NEVER = ("apt-get", "docker", "git", "journalctl", "npm", "pip", "sudo", "systemctl", "useradd")
"""Programs that no test of the documents may run: each of their commands is above."""
