"""Connections, and the database that is made when it is missing."""

import logging
import os

import psycopg2
from psycopg2 import errors

from .config import config

_logger = logging.getLogger("odoo.sql_db")


class DatabaseExists(Exception):
    pass


def connect(name):
    """A connection as Odoo makes it: what is not configured is left to libpq and its PG* variables."""
    app = os.environ.get("ODOO_PGAPPNAME", "odoo-{pid}").replace("{pid}", str(os.getpid()))[:63]
    settings = {"dbname": name, "application_name": app, "sslmode": config["db_sslmode"]}
    for ours, theirs in (("host", "db_host"), ("port", "db_port"), ("user", "db_user"), ("password", "db_password")):
        if config[theirs]:
            settings[ours] = config[theirs]
    try:
        connection = psycopg2.connect(**settings)
    except psycopg2.Error:
        _logger.info("Connection to the database failed")
        raise
    connection.set_session(isolation_level="REPEATABLE READ")
    return connection


def create_if_missing(name):
    """Makes the database `name`; needs CONNECT on `postgres` even when there is nothing to do."""
    connection = connect("postgres")
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
        if cursor.fetchone():
            raise DatabaseExists(name)
        template = config["db_template"]
        collate = "LC_COLLATE 'C'" if template == "template0" else ""
        cursor.execute('CREATE DATABASE "%s" ENCODING \'unicode\' %s TEMPLATE "%s"' % (name, collate, template))
    finally:
        connection.close()
    connection = connect(name)
    try:
        connection.autocommit = True
        cursor = connection.cursor()
        for extension in ["pg_trgm"] + (["unaccent"] if config["unaccent"] else []):
            try:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS " + extension)
            except psycopg2.Error as error:
                _logger.warning("Unable to create PostgreSQL extension : %s", error)
        try:
            cursor.execute("GRANT CREATE ON SCHEMA PUBLIC TO PUBLIC")
        except psycopg2.Error as error:
            _logger.warning("Unable to make public schema public-accessible: %s", error)
    finally:
        connection.close()


def list_owned():
    """The databases this role owns, as the web server's own listing has them."""
    connection = connect("postgres")
    try:
        cursor = connection.cursor()
        cursor.execute(
            "SELECT datname FROM pg_database WHERE datdba = (SELECT usesysid FROM pg_user WHERE usename = current_user)"
            " AND NOT datistemplate AND datallowconn AND datname NOT IN ('postgres', %s) ORDER BY datname",
            (config["db_template"],),
        )
        return [name for (name,) in cursor.fetchall()]
    finally:
        connection.close()


InsufficientPrivilege = errors.InsufficientPrivilege

# The tables and columns that a tool beside Odoo reads, of Odoo's names and types.
SCHEMA = """
CREATE TABLE ir_module_module (
    id serial PRIMARY KEY, name varchar NOT NULL UNIQUE, state varchar, latest_version varchar,
    published_version varchar, author varchar, website varchar, license varchar, icon varchar,
    shortdesc jsonb, summary jsonb, description jsonb, sequence int4, category_id int4,
    application bool DEFAULT false, auto_install bool DEFAULT false, demo bool DEFAULT false, web bool DEFAULT false,
    to_buy bool DEFAULT false, imported bool DEFAULT false,
    create_uid int4, create_date timestamp, write_uid int4, write_date timestamp);
CREATE TABLE ir_module_module_dependency (
    id serial PRIMARY KEY, name varchar, module_id int4 REFERENCES ir_module_module ON DELETE CASCADE,
    auto_install_required bool DEFAULT true,
    create_uid int4, create_date timestamp, write_uid int4, write_date timestamp);
CREATE TABLE ir_config_parameter (
    id serial PRIMARY KEY, key varchar NOT NULL UNIQUE, value text NOT NULL,
    create_uid int4, create_date timestamp, write_uid int4, write_date timestamp);
CREATE TABLE ir_cron (
    id serial PRIMARY KEY, cron_name varchar, active bool DEFAULT true, interval_number int4, interval_type varchar,
    nextcall timestamp NOT NULL, lastcall timestamp, priority int4, failure_count int4 DEFAULT 0,
    first_failure_date timestamp, user_id int4, ir_actions_server_id int4);
CREATE TABLE ir_cron_trigger (id serial PRIMARY KEY, cron_id int4 REFERENCES ir_cron, call_at timestamp);
CREATE TABLE res_company (id serial PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE res_users (
    id serial PRIMARY KEY, login varchar NOT NULL UNIQUE, password varchar, active bool DEFAULT true, company_id int4);
CREATE TABLE ir_model_data (
    id serial PRIMARY KEY, module varchar NOT NULL, name varchar NOT NULL, model varchar NOT NULL, res_id int4,
    noupdate bool DEFAULT false);
INSERT INTO res_company (name) VALUES ('My Company');
INSERT INTO res_users (login, company_id) VALUES ('__system__', 1), ('admin', 1);
INSERT INTO ir_cron (cron_name, interval_number, interval_type, nextcall, priority, user_id)
    VALUES ('Base: Auto-vacuum internal data', 1, 'days', now() AT TIME ZONE 'UTC' + interval '1 day', 5, 1);
INSERT INTO ir_config_parameter (key, value)
    VALUES ('database.uuid', md5(random()::text)), ('database.secret', md5(random()::text));
CREATE SEQUENCE base_registry_signaling;
SELECT nextval('base_registry_signaling');
"""
