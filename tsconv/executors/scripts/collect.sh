#!/bin/bash
# What follows once every task has ended, however it ended.
@directives

@setup
@command
